"""Organizations and RAM: units, service control, delegation, and what is shared with whom."""

import json
import uuid

from support import Account, Suite, pages

FULL = "p-FullAWSAccess"
NO_NETWORKS = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "vpc-lattice:CreateServiceNetwork", "Resource": "*"}})


class Accounts(Suite):
    @classmethod
    def setUpClass(cls):
        cls.top, cls.member, cls.outsider = (Account("py-" + n) for n in ("top", "member", "outsider"))
        cls.organizations = cls.top.client("organizations")
        cls.organizations.create_organization(FeatureSet="ALL")
        shake = cls.organizations.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": cls.member.id})["Handshake"]
        cls.member.client("organizations").accept_handshake(HandshakeId=shake["Id"])
        cls.root = cls.organizations.list_roots()["Roots"][0]["Id"]

    def test_units(self):
        o = self.organizations
        unit = o.create_organizational_unit(ParentId=self.root, Name="unit", Tags=[{"Key": "a", "Value": "b"}])["OrganizationalUnit"]["Id"]
        o.update_organizational_unit(OrganizationalUnitId=unit, Name="renamed")
        self.assertEqual(o.describe_organizational_unit(OrganizationalUnitId=unit)["OrganizationalUnit"]["Name"], "renamed")
        self.assertEqual([u["Id"] for u in pages(o, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=self.root)], [unit])
        o.tag_resource(ResourceId=unit, Tags=[{"Key": "c", "Value": "d"}])
        o.untag_resource(ResourceId=unit, TagKeys=["a"])
        self.assertEqual(pages(o, "list_tags_for_resource", "Tags", ResourceId=unit), [{"Key": "c", "Value": "d"}])
        done = o.create_account(AccountName="made", Email=f"{uuid.uuid4()}@example.com")["CreateAccountStatus"]
        self.until(lambda: o.describe_create_account_status(CreateAccountRequestId=done["Id"])["CreateAccountStatus"]["State"] == "SUCCEEDED")
        made = o.describe_create_account_status(CreateAccountRequestId=done["Id"])["CreateAccountStatus"]["AccountId"]
        self.assertEqual([s["AccountId"] for s in pages(o, "list_create_account_status", "CreateAccountStatuses")], [made])
        o.move_account(AccountId=made, SourceParentId=self.root, DestinationParentId=unit)
        self.assertEqual([p["Id"] for p in pages(o, "list_parents", "Parents", ChildId=made)], [unit])
        self.assertEqual([c["Id"] for c in pages(o, "list_children", "Children", ParentId=unit, ChildType="ACCOUNT")], [made])
        self.assertEqual([a["Name"] for a in pages(o, "list_accounts_for_parent", "Accounts", ParentId=unit)], ["made"])
        self.assertEqual(o.describe_account(AccountId=made)["Account"]["Status"], "ACTIVE")
        self.refused("OrganizationalUnitNotEmptyException", o.delete_organizational_unit, OrganizationalUnitId=unit)
        role = self.top.client("sts")
        self.refused("AccessDenied", role.assume_role, RoleArn=f"arn:aws:iam::{made}:role/OrganizationAccountAccessRole", RoleSessionName="session")
        o.move_account(AccountId=made, SourceParentId=unit, DestinationParentId=self.root)
        o.delete_organizational_unit(OrganizationalUnitId=unit)

    def test_service_control(self):
        o, lattice = self.organizations, self.member.client("vpc-lattice")
        o.enable_policy_type(RootId=self.root, PolicyType="SERVICE_CONTROL_POLICY")
        policy = o.create_policy(Name="no-networks", Description="d", Type="SERVICE_CONTROL_POLICY", Content=NO_NETWORKS)["Policy"]["PolicySummary"]["Id"]
        self.assertEqual(json.loads(o.describe_policy(PolicyId=policy)["Policy"]["Content"]), json.loads(NO_NETWORKS))
        lattice.create_service_network(name="before")
        o.attach_policy(PolicyId=policy, TargetId=self.member.id)
        self.refused("AccessDeniedException", lattice.create_service_network, name="denied")
        self.assertEqual({p["Id"] for p in pages(o, "list_policies_for_target", "Policies", TargetId=self.member.id, Filter="SERVICE_CONTROL_POLICY")}, {FULL, policy})
        self.assertEqual([t["TargetId"] for t in pages(o, "list_targets_for_policy", "Targets", PolicyId=policy)], [self.member.id])
        self.refused("PolicyInUseException", o.delete_policy, PolicyId=policy)
        self.top.client("vpc-lattice").create_service_network(name="management-is-free")
        o.detach_policy(PolicyId=policy, TargetId=self.member.id)
        lattice.create_service_network(name="after")
        o.update_policy(PolicyId=policy, Name="renamed")
        self.assertIn("renamed", [p["Name"] for p in pages(o, "list_policies", "Policies", Filter="SERVICE_CONTROL_POLICY")])
        o.delete_policy(PolicyId=policy)

    def test_delegation(self):
        o = self.organizations
        o.enable_aws_service_access(ServicePrincipal="ram.amazonaws.com")
        self.assertEqual([s["ServicePrincipal"] for s in pages(o, "list_aws_service_access_for_organization", "EnabledServicePrincipals")], ["ram.amazonaws.com"])
        o.register_delegated_administrator(AccountId=self.member.id, ServicePrincipal="ram.amazonaws.com")
        self.assertEqual([a["Id"] for a in pages(o, "list_delegated_administrators", "DelegatedAdministrators")], [self.member.id])
        self.assertEqual(len(pages(o, "list_delegated_services_for_account", "DelegatedServices", AccountId=self.member.id)), 1)
        o.deregister_delegated_administrator(AccountId=self.member.id, ServicePrincipal="ram.amazonaws.com")

    def test_invitations(self):
        o, mine = self.organizations, self.outsider.client("organizations")
        invite = {"Target": {"Type": "ACCOUNT", "Id": self.outsider.id}}
        shake = o.invite_account_to_organization(**invite)["Handshake"]["Id"]
        self.assertEqual([h["Id"] for h in pages(mine, "list_handshakes_for_account", "Handshakes")], [shake])
        self.assertEqual(mine.describe_handshake(HandshakeId=shake)["Handshake"]["State"], "OPEN")
        mine.decline_handshake(HandshakeId=shake)
        shake = o.invite_account_to_organization(**invite)["Handshake"]["Id"]
        o.cancel_handshake(HandshakeId=shake)
        self.refused("InvalidHandshakeTransitionException", mine.accept_handshake, HandshakeId=shake)
        self.assertIn("CANCELED", [h["State"] for h in pages(o, "list_handshakes_for_organization", "Handshakes")])

    def test_sharing(self):
        ram, theirs = self.top.client("ram"), self.outsider.client("ram")
        lattice = self.top.client("vpc-lattice")
        one, two = (lattice.create_service(name=f"shared-{n}")["arn"] for n in ("one", "two"))
        share = ram.create_resource_share(name="share", resourceArns=[one], principals=[self.outsider.id], allowExternalPrincipals=True, tags=[{"key": "a", "value": "b"}])["resourceShare"]["resourceShareArn"]
        pending = pages(theirs, "get_resource_share_invitations", "resourceShareInvitations")
        theirs.reject_resource_share_invitation(resourceShareInvitationArn=pending[0]["resourceShareInvitationArn"])
        self.refused("ResourceNotFoundException", self.outsider.client("vpc-lattice").get_service, serviceIdentifier=one)
        ram.disassociate_resource_share(resourceShareArn=share, principals=[self.outsider.id])
        ram.associate_resource_share(resourceShareArn=share, principals=[self.outsider.id], resourceArns=[two])
        again = next(i for i in pages(theirs, "get_resource_share_invitations", "resourceShareInvitations") if i["status"] == "PENDING")
        self.assertEqual({r["arn"] for r in theirs.list_pending_invitation_resources(resourceShareInvitationArn=again["resourceShareInvitationArn"])["resources"]}, {one, two})
        theirs.accept_resource_share_invitation(resourceShareInvitationArn=again["resourceShareInvitationArn"])
        self.assertEqual({s["arn"] for s in pages(self.outsider.client("vpc-lattice"), "list_services", "items")}, {one, two})
        self.assertEqual({r["arn"] for r in pages(theirs, "list_resources", "resources", resourceOwner="OTHER-ACCOUNTS")}, {one, two})
        self.assertEqual([p["id"] for p in pages(theirs, "list_principals", "principals", resourceOwner="OTHER-ACCOUNTS")], [self.top.id])
        ram.update_resource_share(resourceShareArn=share, name="renamed")
        ram.tag_resource(resourceShareArn=share, tags=[{"key": "c", "value": "d"}])
        ram.untag_resource(resourceShareArn=share, tagKeys=["a"])
        shown = pages(ram, "get_resource_shares", "resourceShares", resourceOwner="SELF")[0]
        self.assertEqual((shown["name"], shown["tags"]), ("renamed", [{"key": "c", "value": "d"}]))
        self.assertEqual(len(pages(ram, "get_resource_share_associations", "resourceShareAssociations", associationType="RESOURCE")), 2)
        granted = ram.list_resource_share_permissions(resourceShareArn=share)["permissions"]
        self.assertTrue(granted)
        ram.get_permission(permissionArn=granted[0]["arn"])
        self.assertIn(granted[0]["arn"], [p["arn"] for p in ram.list_permissions()["permissions"]])
        self.assertEqual(len(pages(ram, "get_resource_policies", "policies", resourceArns=[one])), 1)
        self.assertIn("vpc-lattice:Service", [t["resourceType"] for t in ram.list_resource_types()["resourceTypes"]])
        ram.disassociate_resource_share(resourceShareArn=share, resourceArns=[two])
        self.assertEqual({s["arn"] for s in pages(self.outsider.client("vpc-lattice"), "list_services", "items")}, {one})
        ram.delete_resource_share(resourceShareArn=share)
        self.assertEqual(pages(self.outsider.client("vpc-lattice"), "list_services", "items"), [])
