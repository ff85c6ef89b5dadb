"""Every paginator and waiter that boto3 has for what is served, over an account that has something of everything."""

import io
import json
import pathlib
import re
import time
import zipfile

from botocore.exceptions import ClientError

from support import REGION, SOON, Account, Suite, trellis

FILES = pathlib.Path(__file__).parent.parent / "estate"
STEPS, CALLS, MEMBERS = (json.loads((FILES / f"{name}.json").read_text()) for name in ("estate", "calls", "members"))
CLIENTS = {"vpclattice": "vpc-lattice"}

# EC2 takes pages of five and more.
SMALLEST = {"ec2": 5}

# Waiters for what an account here can never have, and for targets with a program, which test_boto3 has.
NOTHING = ("instance_", "system_status_", "nat_gateway_available", "security_group_vpc_association_", "target_in_service", "target_deregistered")


class Estate(dict):
    """What a list of calls left, by name."""

    def __init__(self, account, peer, invitee):
        super().__init__(account=account.id, peer=peer.id, region=REGION, invitee=invitee.id, mark="pages")
        self.by = {"": account, "peer:": peer}
        self.made = {}
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as z:
            z.writestr(zipfile.ZipInfo("bootstrap"), "#!/bin/sh\nexit 1\n")
        self["zip"] = out.getvalue()

    def client(self, api, peer=""):
        if (api, peer) not in self.made:
            self.made[api, peer] = self.by[peer].client(CLIENTS.get(api, api))
        return self.made[api, peer]

    def expand(self, v):
        if isinstance(v, dict):
            return {self.expand(k): self.expand(e) for k, e in v.items()}
        if isinstance(v, list):
            return [self.expand(e) for e in v]
        if v == "${now}":
            return int(time.time() * 1000)
        if v == "${zip}":
            return self["zip"]
        if isinstance(v, str):
            return re.sub(r"\$\{([^}]*)\}", lambda m: self[m.group(1)], v)
        return v

    def settle(self, out):
        """What is not there at once on AWS is waited for."""
        event = out.get("ProgressEvent")
        while event and event["OperationStatus"] in ("PENDING", "IN_PROGRESS"):
            time.sleep(0.05)
            event = self.client("cloudcontrol").get_resource_request_status(RequestToken=event["RequestToken"])["ProgressEvent"]

    def build(self):
        for step in STEPS:
            name, given, keep = (step + [{}, {}])[:3]
            peer = "peer:" if name.startswith("peer:") else ""
            api, operation = name.removeprefix("peer:").split(".")
            client = self.client(api, peer)
            out = self.call(client, operation, self.expand(given))
            self.settle(out)
            for key, path in sorted(keep.items(), key=lambda item: "${" in item[1]):
                if "${" in path:
                    self[key] = self.expand(path)
                    continue
                v = out
                for part in re.findall(r"[^.\[\]]+", path):
                    v = v[int(part)] if part.isdigit() else v[part]
                self[key] = v

    def call(self, client, operation, given):
        method = next(m for m, o in client.meta.method_to_api_mapping.items() if o == operation)
        for _ in range(100):
            try:
                return getattr(client, method)(**given)
            except ClientError as e:
                # On AWS a function that is pending and a resource that is being made are waited for as well.
                if e.response["Error"]["Code"] not in ("ResourceConflictException", "ConflictException", "ResourceInUse"):
                    raise
                time.sleep(0.1)
        raise AssertionError(f"{operation} conflicts for ever")

    def given(self, api, operation, client):
        """What an operation is called with."""
        given = dict(CALLS.get(f"{api}.{operation}", {}).get("With", {}))
        shape = client.meta.service_model.operation_model(operation).input_shape
        for member in shape.required_members if shape else []:
            if member in given:
                continue
            for pattern, value in MEMBERS:
                if re.search(f"(?:{pattern})$", f"{api}.{operation}.{member}"):
                    of = shape.members[member]
                    given[member] = [value] if of.type_name == "list" and not isinstance(value, list) else value
                    break
            else:
                enum = getattr(shape.members[member], "enum", None)
                if enum:
                    given[member] = enum[0]
        return self.expand(given)


class Estates(Suite):
    @classmethod
    def setUpClass(cls):
        cls.covered = {c["Service"]: set(c["Built"]) for c in json.loads(trellis("coverage"))}
        cls.estate = Estate(Account("estate-owner"), Account("estate-peer"), Account("estate-invitee"))
        cls.estate.build()

    def served(self):
        for api in ("cloudcontrol", "ec2", "elbv2", "iam", "lambda", "logs", "organizations", "ram", "sts", "vpclattice"):
            client = self.estate.client(api)
            yield api, client, self.covered[client.meta.service_model.service_id]

    def test_paginators(self):
        """Pages of the smallest size give everything exactly once and come to an end."""
        tried, several = 0, 0
        for api, client, built in self.served():
            for method, operation in client.meta.method_to_api_mapping.items():
                if operation not in built or not client.can_paginate(method) or "Refused" in CALLS.get(f"{api}.{operation}", {}):
                    continue
                with self.subTest(f"{api} {operation}"):
                    given = self.estate.given(api, operation, client)
                    paginator = client.get_paginator(method)
                    limit = paginator._pagination_cfg.get("limit_key")
                    if not limit:
                        continue
                    shape = client.meta.service_model.operation_model(operation).input_shape.members[limit]
                    size = max(int(shape.metadata.get("min", 1)), SMALLEST.get(api, 1))
                    whole, _ = self.items(paginator, given)
                    parts, n = self.items(paginator, given, str(size) if shape.type_name == "string" else size)
                    self.assertEqual(parts, whole)
                    tried += 1
                    several += n > 1
        self.assertGreater(tried, 70)
        self.assertGreater(several, 30)

    def items(self, paginator, given, size=None):
        """The items of all pages, and how many pages there are."""
        found, n = {}, 0
        pages = paginator.paginate(**given, **({"PaginationConfig": {"PageSize": size}} if size else {}))
        for page in pages:
            n += 1
            self.assertLess(n, 2000, "it does not end")
            for i, key in enumerate(pages.result_keys):
                got = key.search(page)
                got = got if isinstance(got, list) else [] if got is None else [got]
                if size and i == 0:
                    self.assertLessEqual(len(got), int(size), key.expression)
                found.setdefault(key.expression, []).extend(json.dumps(g, sort_keys=True, default=str) for g in got)
        return {k: sorted(v) for k, v in found.items()}, n

    def test_waiters(self):
        """What the account has is there for every waiter, and what it never had is gone."""
        waited = 0
        for api, client, built in self.served():
            for name in client.waiter_names:
                operation = client.get_waiter(name).config.operation
                if operation not in built or any(name.startswith(n) for n in NOTHING):
                    continue
                with self.subTest(f"{api} {name}"):
                    given = self.estate.given(api, operation, client) | self.named(api, operation, name)
                    client.get_waiter(name).wait(WaiterConfig=SOON, **given)
                    waited += 1
        self.assertGreater(waited, 15)

    def named(self, api, operation, name):
        """What a waiter is about."""
        ids = {"DescribeVpcs": ("VpcIds", "vpc"), "DescribeSubnets": ("SubnetIds", "subnet"), "DescribeSecurityGroups": ("GroupIds", "group"), "DescribeInternetGateways": ("InternetGatewayIds", "gateway"),
               "DescribeNetworkInterfaces": ("NetworkInterfaceIds", "interface"), "DescribeVpcPeeringConnections": ("VpcPeeringConnectionIds", "peering"), "DescribeNatGateways": ("NatGatewayIds", None),
               "DescribeLoadBalancers": ("LoadBalancerArns", "balancer")}
        if operation not in ids:
            return {}
        member, kind = ids[operation]
        if name.endswith("deleted"):
            gone = {"DescribeNatGateways": "nat-0123456789abcdef0", "DescribeVpcPeeringConnections": "pcx-0123456789abcdef0",
                    "DescribeLoadBalancers": f"arn:aws:elasticloadbalancing:{REGION}:{self.estate['account']}:loadbalancer/app/gone/0123456789abcdef"}[operation]
            return {member: [gone]}
        return {member: [self.estate[kind]]}
