"""Asks a service for a URL, signed if told so, and prints the status and the body."""

import os
import sys
import urllib.error
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sign, url = sys.argv[1:-1], sys.argv[-1]
headers = {}
if sign:
    request = AWSRequest(method="GET", url=url, headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    request.context["payload_signing_enabled"] = False
    SigV4Auth(Credentials(os.environ["ASK_KEY"], os.environ["ASK_SECRET"]), "vpc-lattice-svcs", "us-east-1").add_auth(request)
    headers = dict(request.headers)
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5)
    print(answer.status, answer.read().decode())
except urllib.error.HTTPError as e:
    print(e.code, e.read().decode())
