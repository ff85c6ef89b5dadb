// Runs a function's handler against the Lambda Runtime API.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import util from "node:util";
import { pathToFileURL } from "node:url";

const prefix = "/2018-06-01/runtime/";
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let requestId;

class Failure extends Error {
  constructor(kind, message) {
    super(message);
    this.name = kind;
  }
}

function call(method, name, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const options = { host, port, method, path: prefix + name, agent, headers };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      headers["Content-Length"] = Buffer.byteLength(body);
    }
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (c) => chunks.push(c));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

function report(error) {
  if (error instanceof Error || util.types.isNativeError(error)) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
  }
  return { errorType: typeof error, errorMessage: typeof error === "string" ? error : util.inspect(error), trace: [] };
}

function postError(name, r) {
  const kind = r.errorType.replace(/[^\x20-\x7e]/g, "?");
  return call("POST", name, JSON.stringify(r), { "Lambda-Runtime-Function-Error-Type": kind });
}

function logLine(level, text) {
  process.stdout.write(`${new Date().toISOString()}\t${requestId ?? "undefined"}\t${level}\t${text}\n`);
}

function patchConsole() {
  for (const [name, level] of [["log", "INFO"], ["info", "INFO"], ["debug", "DEBUG"], ["warn", "WARN"], ["error", "ERROR"], ["trace", "TRACE"]]) {
    console[name] = (...args) => logLine(level, util.format(...args));
  }
}

function findFile(root, module) {
  for (const suffix of ["", ".js", ".mjs", ".cjs"]) {
    const file = path.resolve(root, module + suffix);
    if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  throw new Failure("Runtime.ImportModuleError", `Error: Cannot find module '${module}'`);
}

async function load(name) {
  const match = /^((?:.*\/)?[^./][^.]*)\.(.+)$/.exec(name);
  if (!match || name.includes("..")) throw new Failure("Runtime.MalformedHandlerName", "Bad handler");
  const [, module, members] = match;
  const file = findFile(process.env.LAMBDA_TASK_ROOT, module);
  let loaded;
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (e) {
    if (e instanceof SyntaxError) throw new Failure("Runtime.UserCodeSyntaxError", `SyntaxError: ${e.message}`);
    if (e?.code === "ERR_MODULE_NOT_FOUND" || e?.code === "MODULE_NOT_FOUND") throw new Failure("Runtime.ImportModuleError", `Error: ${e.message}`);
    throw e;
  }
  const pick = (from) => members.split(".").reduce((o, key) => o?.[key], from);
  const handler = pick(loaded) ?? pick(loaded.default);
  if (handler === undefined) throw new Failure("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new Failure("Runtime.HandlerNotFound", `${name} is not a function`);
  return handler;
}

function makeContext(headers, settle) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const clientContext = headers["lambda-runtime-client-context"];
  return {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: clientContext ? JSON.parse(clientContext) : undefined,
    identity: undefined,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: (error, result) => settle(error, result, true),
    fail: (error) => settle(error ?? "handled", undefined, true),
    succeed: (result) => settle(null, result, true),
  };
}

// The outcome of one event: of a promise at once, of a callback when nothing is left to do unless the context says otherwise.
// An event loop that runs empty without either ends the event with null.
function run(handler, event, headers) {
  return new Promise((resolve, reject) => {
    let settled = false;
    let outcome = () => resolve(null);
    const finish = () => {
      process.removeListener("beforeExit", finish);
      outcome();
    };
    const settle = (error, result, now) => {
      if (settled) return;
      settled = true;
      outcome = () => (error !== null && error !== undefined ? reject(error) : resolve(result));
      if (now) finish();
    };
    process.on("beforeExit", finish);
    const context = makeContext(headers, settle);
    try {
      const returned = handler(event, context, (error, result) => settle(error, result, !context.callbackWaitsForEmptyEventLoop));
      if (typeof returned?.then === "function") {
        returned.then((result) => settle(null, result, true), (error) => settle(error ?? new Error("the promise was rejected with nothing"), undefined, true));
      }
    } catch (error) {
      settle(error ?? new Error("nothing was thrown"), undefined, true);
    }
  });
}

async function answer(handler, next) {
  let text;
  try {
    const result = await run(handler, JSON.parse(next.body), next.headers);
    text = JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch (error) {
    const r = report(error);
    logLine("ERROR", "Invoke Error \t" + JSON.stringify({ errorType: r.errorType, errorMessage: r.errorMessage, stack: r.trace }));
    await postError(`invocation/${requestId}/error`, r);
    return;
  }
  await call("POST", `invocation/${requestId}/response`, text);
}

async function die(kind, error) {
  const r = { ...report(error), errorType: kind };
  logLine("ERROR", `${kind}\t` + JSON.stringify(r));
  await postError(requestId ? `invocation/${requestId}/error` : "init/error", r);
  process.exit(129);
}

async function main() {
  patchConsole();
  let handler;
  try {
    handler = await load(process.env._HANDLER);
  } catch (error) {
    const r = report(error);
    logLine("ERROR", "Uncaught Exception\t" + JSON.stringify(r));
    await postError("init/error", r);
    process.exit(1);
  }
  process.on("uncaughtException", (e) => die(e?.name ?? "Error", e));
  process.on("unhandledRejection", (e) => die("Runtime.UnhandledPromiseRejection", e));
  for (;;) {
    const next = await call("GET", "invocation/next");
    if (next.status !== 200) process.exit(1);
    requestId = next.headers["lambda-runtime-aws-request-id"];
    const trace = next.headers["lambda-runtime-trace-id"];
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    else delete process.env._X_AMZN_TRACE_ID;
    await answer(handler, next);
  }
}

main();
