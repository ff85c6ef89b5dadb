"""Runs a function's handler against the Lambda Runtime API. What it imports a new instance waits for, so it imports little."""

import _socket
import importlib
import json
import os
import site
import sys
import time

PREFIX = "/2018-06-01/runtime/"


class Api:
    """The Runtime API over one kept connection. Its answers all have a Content-Length."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.address = address
        self.connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self.connection.connect((host, int(port)))
        self.connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.received = bytearray()

    def call(self, method, path, body=b"", error=None):
        head = "%s %s%s HTTP/1.1\r\nHost: %s\r\n" % (method, PREFIX, path, self.address)
        if method == "POST":
            head += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        if error is not None:
            head += "Lambda-Runtime-Function-Error-Type: %s\r\n" % error.encode("ascii", "replace").decode()
        self.connection.sendall(head.encode("ascii") + b"\r\n" + body)
        end = -1
        while end < 0:
            self.receive()
            end = self.received.find(b"\r\n\r\n")
        lines = self.received[:end].decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        begin = end + 4
        end = begin + int(headers["content-length"])
        while len(self.received) < end:
            self.receive()
        body = bytes(self.received[begin:end])
        del self.received[:end]
        return status, headers, body

    def receive(self):
        data = self.connection.recv(1 << 16)
        if not data:
            sys.exit("the Runtime API closed the connection")
        self.received += data

    def next(self):
        status, headers, body = self.call("GET", "invocation/next")
        if status != 200:
            sys.exit("the Runtime API answered %d" % status)
        return headers, body

    def error(self, path, report):
        self.call("POST", path, json.dumps(report).encode(), report.get("errorType", "Unknown"))


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
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        text = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(text) if text else None
        self.identity = Identity()
        self._deadline = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


class Logging:
    """Gives the root logger Lambda's handler when the function imports logging, which is Python's own whatever the code holds."""

    request_id = ""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "logging":
            return None
        from importlib.machinery import PathFinder
        sys.meta_path.remove(cls)
        spec = PathFinder.find_spec(name, [os.path.dirname(os.__file__)])
        execute = spec.loader.exec_module

        def execute_and_set_up(module):
            execute(module)
            cls.set_up(module)

        spec.loader.exec_module = execute_and_set_up
        return spec

    @classmethod
    def set_up(cls, logging):
        class Formatter(logging.Formatter):
            converter = time.gmtime

            def format(self, record):
                record.request = cls.request_id
                return super().format(record)

        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"))
        logging.getLogger().addHandler(handler)


def set_up():
    """Does what Python's site would, but for the host's own hooks, which are not the function's."""
    site.setquit()
    site.sethelper()
    version = "python%d.%d" % sys.version_info[:2]
    sys.path[:1] = [
        os.environ["LAMBDA_TASK_ROOT"],
        "/opt/python/lib/%s/site-packages" % version,
        "/opt/python",
        os.environ["LAMBDA_RUNTIME_DIR"],
    ]
    sys.path += site.getsitepackages()
    sys.meta_path.insert(0, Logging)


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
    import traceback
    kept = [f for f in traceback.extract_tb(error.__traceback__)
            if f.filename != frames.__code__.co_filename and not f.filename.startswith("<frozen importlib") and "/importlib/" not in f.filename]
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
    request_id = headers["lambda-runtime-aws-request-id"]
    Logging.request_id = request_id
    trace = headers.get("lambda-runtime-trace-id")
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
    api.call("POST", "invocation/%s/response" % request_id, text.encode())


def main():
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    set_up()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as e:
        r = report(e)
        print_report(r)
        api.error("init/error", r)
        sys.exit(1)
    while True:
        headers, body = api.next()
        handle(api, handler, headers, body)


if __name__ == "__main__":
    main()
