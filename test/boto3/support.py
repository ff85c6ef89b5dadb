"""What the suites share: accounts of a running server, with their sessions."""

import json
import os
import subprocess
import time
import unittest

import boto3

REGION = "us-east-1"

# boto3's waiters ask every quarter of a minute unless told otherwise.
SOON = {"Delay": 0.1, "MaxAttempts": 300}


def trellis(*args):
    """Runs the program's own command line."""
    done = subprocess.run([os.environ["TRELLIS"], *args], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"trellis {' '.join(args)}: {done.stderr}")
    return done.stdout


class Account:
    """An account and its clients, made from its profile as a user's are."""

    def __init__(self, name):
        made = json.loads(trellis("accounts", "create", name, "--json"))
        self.id = made["account"]
        self.profile = made["profile"]
        self.session = boto3.Session(profile_name=self.profile)

    def client(self, name):
        return self.session.client(name)


class Suite(unittest.TestCase):
    def wait(self, client, name, **arguments):
        client.get_waiter(name).wait(WaiterConfig=SOON, **arguments)

    def until(self, done):
        for _ in range(300):
            if done():
                return
            time.sleep(0.1)
        self.fail("it did not come to be")

    def refused(self, code, call, **arguments):
        """The call fails with the code, and its message says something."""
        with self.assertRaises(Exception) as caught:
            call(**arguments)
        error = getattr(caught.exception, "response", {}).get("Error", {})
        self.assertEqual(error.get("Code"), code, caught.exception)
        self.assertGreater(len(error.get("Message", "")), 10, caught.exception)


def pages(client, operation, key, **arguments):
    """All items of a paginated operation."""
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]
