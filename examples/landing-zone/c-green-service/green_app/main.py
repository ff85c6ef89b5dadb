"""GreenFunction: asks the endpoint in its environment and prints what it got."""
import os
from urllib.error import HTTPError
from urllib.request import urlopen

green_endpoint = os.environ.get("GREEN_ENDPOINT")


def report(response):
    print("HTTP", response.status, response.reason)
    print("x-amzn-requestid:", response.headers.get("x-amzn-requestid", ""))
    print(response.read().decode())


def lambda_handler(event, context):
    try:
        response = urlopen(green_endpoint)
    except HTTPError as refusal:
        report(refusal)
        raise
    report(response)
