"""Lambda: versions, aliases, layers, permissions, limits and invocations, with the host's Python."""

import io
import json
import zipfile

from botocore.config import Config

from support import Account, Suite, pages

TRUST = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}})

CODE = """
import os
try:
    import layered
except ImportError:
    layered = None

def handler(event, context):
    if event.get("fail"):
        raise ValueError("told to")
    return {"release": RELEASE, "version": context.function_version, "layer": getattr(layered, "WORD", None), "left": context.get_remaining_time_in_millis() > 0}
"""


def archive(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, text in files.items():
            z.writestr(name.replace("__", "/") + ".py", text)
    return out.getvalue()


class Functions(Suite):
    @classmethod
    def setUpClass(cls):
        cls.account = Account("py-functions")
        cls.functions = cls.account.client("lambda")
        cls.role = cls.account.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]

    def make(self, name, **more):
        self.functions.create_function(FunctionName=name, Role=self.role, Runtime="python3.11", Handler="app.handler", Code={"ZipFile": archive(app="RELEASE = 1\n" + CODE)}, **more)
        self.wait(self.functions, "function_active_v2", FunctionName=name)

    def invoke(self, name, event=b"{}", **more):
        out = self.functions.invoke(FunctionName=name, Payload=event, **more)
        return out, json.loads(out["Payload"].read() or "null")

    def test_versions(self):
        f = self.functions
        self.make("versions", Publish=True)
        f.update_function_code(FunctionName="versions", ZipFile=archive(app="RELEASE = 2\n" + CODE))
        self.wait(f, "function_updated_v2", FunctionName="versions")
        second = f.publish_version(FunctionName="versions")["Version"]
        self.assertEqual([v["Version"] for v in pages(f, "list_versions_by_function", "Versions", FunctionName="versions")], ["$LATEST", "1", second])
        self.assertEqual([(a["release"], a["version"]) for a in (self.invoke("versions", Qualifier=q)[1] for q in ("1", second, "$LATEST"))], [(1, "1"), (2, second), (2, "$LATEST")])
        f.create_alias(FunctionName="versions", Name="live", FunctionVersion="1")
        self.assertEqual(self.invoke("versions:live")[1]["release"], 1)
        f.update_alias(FunctionName="versions", Name="live", FunctionVersion=second)
        self.assertEqual(self.invoke("versions:live")[1]["release"], 2)
        self.assertEqual(f.get_alias(FunctionName="versions", Name="live")["FunctionVersion"], second)
        self.assertEqual([a["Name"] for a in pages(f, "list_aliases", "Aliases", FunctionName="versions")], ["live"])
        f.delete_alias(FunctionName="versions", Name="live")
        f.delete_function(FunctionName="versions")
        self.refused("ResourceNotFoundException", f.get_function, FunctionName="versions")

    def test_layers(self):
        f = self.functions
        layer = f.publish_layer_version(LayerName="layer", Content={"ZipFile": archive(python__layered="WORD = 'of the layer'")}, CompatibleRuntimes=["python3.11"])
        arn, version = layer["LayerVersionArn"], layer["Version"]
        self.make("layers", Layers=[arn])
        self.assertEqual(self.invoke("layers")[1]["layer"], "of the layer")
        self.assertEqual([x["LayerName"] for x in pages(f, "list_layers", "Layers")], ["layer"])
        self.assertEqual(len(pages(f, "list_layer_versions", "LayerVersions", LayerName="layer")), 1)
        self.assertEqual(f.get_layer_version(LayerName="layer", VersionNumber=version)["LayerVersionArn"], arn)
        self.assertEqual(f.get_layer_version_by_arn(Arn=arn)["Version"], version)
        f.add_layer_version_permission(LayerName="layer", VersionNumber=version, StatementId="s", Action="lambda:GetLayerVersion", Principal="*")
        self.assertIn('"s"', f.get_layer_version_policy(LayerName="layer", VersionNumber=version)["Policy"])
        f.remove_layer_version_permission(LayerName="layer", VersionNumber=version, StatementId="s")
        f.delete_layer_version(LayerName="layer", VersionNumber=version)
        self.assertEqual(self.invoke("layers")[1]["layer"], "of the layer")

    def test_permissions(self):
        f = self.functions
        self.make("permissions", Tags={"a": "b"})
        arn = f.get_function(FunctionName="permissions")["Configuration"]["FunctionArn"]
        f.add_permission(FunctionName="permissions", StatementId="s", Action="lambda:InvokeFunction", Principal="elasticloadbalancing.amazonaws.com")
        self.assertEqual(json.loads(f.get_policy(FunctionName="permissions")["Policy"])["Statement"][0]["Sid"], "s")
        self.refused("ResourceConflictException", f.add_permission, FunctionName="permissions", StatementId="s", Action="lambda:InvokeFunction", Principal="elasticloadbalancing.amazonaws.com")
        f.remove_permission(FunctionName="permissions", StatementId="s")
        self.refused("ResourceNotFoundException", f.get_policy, FunctionName="permissions")
        f.tag_resource(Resource=arn, Tags={"c": "d"})
        f.untag_resource(Resource=arn, TagKeys=["a"])
        self.assertEqual(f.list_tags(Resource=arn)["Tags"], {"c": "d"})
        self.assertEqual(f.get_function_configuration(FunctionName="permissions")["State"], "Active")

    def test_invocations(self):
        f = self.functions
        self.make("invocations", Timeout=5)
        out, answer = self.invoke("invocations", b'{"fail": true}')
        self.assertEqual((out["FunctionError"], answer["errorType"], answer["errorMessage"]), ("Unhandled", "ValueError", "told to"))
        self.assertEqual(self.invoke("invocations")[1]["left"], True)
        self.assertEqual(self.invoke("invocations", InvocationType="DryRun")[0]["StatusCode"], 204)
        self.assertEqual(self.invoke("invocations", InvocationType="Event")[0]["StatusCode"], 202)
        self.refused("InvalidRequestContentException", f.invoke, FunctionName="invocations", Payload=b"{")
        f.put_function_concurrency(FunctionName="invocations", ReservedConcurrentExecutions=0)
        self.assertEqual(f.get_function_concurrency(FunctionName="invocations")["ReservedConcurrentExecutions"], 0)
        once = self.account.session.client("lambda", config=Config(retries={"max_attempts": 0}))
        self.refused("TooManyRequestsException", once.invoke, FunctionName="invocations", Payload=b"{}")
        f.delete_function_concurrency(FunctionName="invocations")
        self.assertIsNone(self.invoke("invocations")[0].get("FunctionError"))
        self.assertGreater(f.get_account_settings()["AccountLimit"]["ConcurrentExecutions"], 0)
