"""Runs the Pulumi program of the current directory against an engine: what the CLI's language host starts."""
import asyncio
import concurrent.futures
import inspect
import json
import logging
import os
import runpy
import sys
import traceback

import pulumi
from pulumi import runtime


async def program():
    # A thread waits for every call that is under way: as many resources are made at once.
    asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(128))
    await runtime.run_in_stack(lambda: runpy.run_path(os.getcwd(), run_name="__main__") and None)


def main():
    runtime.set_all_config(runtime.get_config_env(), [])
    # Older SDKs take fewer settings.
    known = inspect.signature(runtime.Settings).parameters
    settings = {name: value for name, value in json.loads(sys.argv[1]).items() if name in known}
    runtime.configure(runtime.Settings(parallel=128, dry_run=False, **settings))
    sys.argv = [os.getcwd()]
    # What is left half done when a resource fails is no news: the failure is.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(program())
    except pulumi.RunError as problem:
        print(problem, file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


sys.exit(main())
