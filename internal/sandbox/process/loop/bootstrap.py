"""Runs a function's handler against the Lambda Runtime API."""

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

PREFIX = "/2018-06-01/runtime/"


class Api:
    """The Runtime API over one kept connection."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, PREFIX + path, body=body, headers=headers or {})
        response = self.connection.getresponse()
        return response, response.read()

    def next(self):
        response, body = self.call("GET", "invocation/next")
        if response.status != 200:
            sys.exit("the Runtime API answered %d" % response.status)
        return response, body

    def error(self, path, report):
        kind = report.get("errorType", "Unknown")
        self.call("POST", path, json.dumps(report).encode(), {
            "Content-Type": "application/json",
            "Lambda-Runtime-Function-Error-Type": kind.encode("ascii", "replace").decode(),
        })


class Failure(Exception):
    """An error that Lambda names itself."""

    def __init__(self, kind, message, stack=()):
        super().__init__(message)
        self.kind, self.stack = kind, list(stack)


class ClientContext:
    def __init__(self, text):
        data = json.loads(text)
        self.client = data.get("client")
        self.custom = data.get("custom")
        self.env = data.get("env")


class Identity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        text = headers.get("Lambda-Runtime-Client-Context")
        self.client_context = ClientContext(text) if text else None
        self.identity = Identity()
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


class Formatter(logging.Formatter):
    converter = time.gmtime
    request_id = ""

    def __init__(self):
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record):
        record.request = Formatter.request_id
        return super().format(record)


def set_up_logging():
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Formatter())
    logging.getLogger().addHandler(handler)


def set_up_path():
    version = "python%d.%d" % sys.version_info[:2]
    sys.path[:1] = [
        os.environ["LAMBDA_TASK_ROOT"],
        "/opt/python/lib/%s/site-packages" % version,
        "/opt/python",
        os.environ["LAMBDA_RUNTIME_DIR"],
    ]


def load(name):
    module, dot, function = name.rpartition(".")
    if not dot or not module or not function:
        raise Failure("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name)
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as e:
        raise Failure("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module, e))
    except SyntaxError as e:
        stack = ['  File "%s" Line %s\n    %s' % (e.filename, e.lineno, (e.text or "").rstrip("\n"))]
        raise Failure("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module, e), stack)
    try:
        return getattr(loaded, function)
    except AttributeError:
        raise Failure("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module))


def frames(error):
    """The stack of the function's own code, without this file's and the import machinery's frames."""
    kept = [f for f in traceback.extract_tb(error.__traceback__)
            if f.filename != __file__ and not f.filename.startswith("<frozen importlib") and "/importlib/" not in f.filename]
    return traceback.format_list(kept)


def report(error, request_id=None):
    if isinstance(error, Failure):
        kind, stack = error.kind, error.stack
    else:
        kind, stack = type(error).__name__, frames(error)
    out = {"errorMessage": str(error), "errorType": kind}
    if request_id is not None:
        out["requestId"] = request_id
    out["stackTrace"] = stack
    return out


def print_report(r):
    text = "[ERROR] %s: %s" % (r["errorType"], r["errorMessage"])
    if r["stackTrace"]:
        text += "\nTraceback (most recent call last):\n" + "".join(r["stackTrace"]).rstrip("\n")
    print(text, flush=True)


def handle(api, handler, headers, body):
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    Formatter.request_id = request_id
    trace = headers.get("Lambda-Runtime-Trace-Id")
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        try:
            event = json.loads(body.decode())
        except ValueError as e:
            raise Failure("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % e)
        answer = handler(event, Context(headers))
        try:
            text = json.dumps(answer)
        except (TypeError, ValueError) as e:
            raise Failure("Runtime.MarshalError", "Unable to marshal response: %s" % e)
    except Exception as e:
        r = report(e, request_id)
        print_report(r)
        api.error("invocation/%s/error" % request_id, r)
        return
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    api.call("POST", "invocation/%s/response" % request_id, text.encode(), {"Content-Type": "application/json"})


def main():
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    set_up_path()
    set_up_logging()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as e:
        r = report(e)
        print_report(r)
        api.error("init/error", r)
        sys.exit(1)
    while True:
        response, body = api.next()
        handle(api, handler, response.headers, body)


if __name__ == "__main__":
    main()
