// A VPC whose programs reach a Lattice service: up, again without a change, and down, with the AWS SDK for JavaScript.
//
//     node zone.js up | down
import * as ec2api from "@aws-sdk/client-ec2";
import * as latticeapi from "@aws-sdk/client-vpc-lattice";

const NAME = "javascript-zone";
const ec2 = new ec2api.EC2Client();
const lattice = new latticeapi.VPCLatticeClient();
const made = [];

// ask calls an operation by its name.
const ask = (client, api, operation, input = {}) => client.send(new api[`${operation}Command`](input));
const vpcLattice = (operation, input) => ask(lattice, latticeapi, operation, input);

// every is all items of a listing.
async function every(operation, input = {}) {
  const all = [];
  for await (const page of latticeapi[`paginate${operation}`]({ client: lattice, pageSize: 1 }, input)) all.push(...page.items);
  return all;
}

const named = async (operation) => (await every(operation)).find((item) => item.name === NAME);

async function ensure(what, present, make) {
  if (present) return present;
  made.push(what);
  return make();
}

async function until(what, check) {
  for (let i = 0; i < 600; i++) {
    if (await check()) return;
    await new Promise((again) => setTimeout(again, 100));
  }
  throw new Error(`gave up waiting for ${what}`);
}

const active = (operation, input) => until(operation, async () => (await vpcLattice(operation, input)).status === "ACTIVE");
const gone = (operation, input) => until(`the end of what ${operation} shows`, async () => {
  try {
    await vpcLattice(operation, input);
    return false;
  } catch (problem) {
    if (problem instanceof latticeapi.ResourceNotFoundException) return true;
    throw problem;
  }
});

async function zone() {
  const { Vpcs } = await ask(ec2, ec2api, "DescribeVpcs", { Filters: [{ Name: "tag:Name", Values: [NAME] }] });
  const vpc = Vpcs[0]?.VpcId;
  const { Subnets } = await ask(ec2, ec2api, "DescribeSubnets", { Filters: [{ Name: "vpc-id", Values: [vpc ?? "none"] }] });
  return { vpc, subnet: Subnets[0]?.SubnetId, network: (await named("ListServiceNetworks"))?.id, service: (await named("ListServices"))?.id };
}

async function up() {
  const has = await zone();
  const vpc = await ensure("VPC", has.vpc, async () => (await ask(ec2, ec2api, "CreateVpc", {
    CidrBlock: "10.0.0.0/16", TagSpecifications: [{ ResourceType: "vpc", Tags: [{ Key: "Name", Value: NAME }] }] })).Vpc.VpcId);
  await ec2api.waitUntilVpcAvailable({ client: ec2, maxWaitTime: 60, minDelay: 1 }, { VpcIds: [vpc] });
  const subnet = await ensure("subnet", has.subnet, async () =>
    (await ask(ec2, ec2api, "CreateSubnet", { VpcId: vpc, CidrBlock: "10.0.0.0/24" })).Subnet.SubnetId);
  const serviceNetworkIdentifier = await ensure("service network", has.network, async () =>
    (await vpcLattice("CreateServiceNetwork", { name: NAME })).id);
  const serviceIdentifier = await ensure("service", has.service, async () => (await vpcLattice("CreateService", { name: NAME })).id);
  await active("GetService", { serviceIdentifier });
  await ensure("listener", (await every("ListListeners", { serviceIdentifier }))[0], () => vpcLattice("CreateListener", {
    serviceIdentifier, name: "http", protocol: "HTTP", port: 80, defaultAction: { fixedResponse: { statusCode: 404 } } }));
  const joined = await ensure("VPC association", (await every("ListServiceNetworkVpcAssociations", { vpcIdentifier: vpc }))[0], () =>
    vpcLattice("CreateServiceNetworkVpcAssociation", { serviceNetworkIdentifier, vpcIdentifier: vpc }));
  const offered = await ensure("service association", (await every("ListServiceNetworkServiceAssociations", { serviceIdentifier }))[0], () =>
    vpcLattice("CreateServiceNetworkServiceAssociation", { serviceNetworkIdentifier, serviceIdentifier }));
  await active("GetServiceNetworkVpcAssociation", { serviceNetworkVpcAssociationIdentifier: joined.id });
  await active("GetServiceNetworkServiceAssociation", { serviceNetworkServiceAssociationIdentifier: offered.id });
  const { dnsEntry } = await vpcLattice("GetService", { serviceIdentifier });
  console.log("made:", made.join(", ") || "nothing");
  console.log("try:  trellis exec --subnet", subnet, "-- curl -s -o /dev/null -w '%{http_code}\\n'", `http://${dnsEntry.domainName}/`);
}

async function down() {
  const { vpc, subnet, network, service } = await zone();
  if (network) {
    for (const kind of ["Service", "Vpc"]) {
      const association = `ServiceNetwork${kind}Association`;
      for (const { id } of await every(`List${association}s`, { serviceNetworkIdentifier: network })) {
        const one = { [`serviceNetwork${kind}AssociationIdentifier`]: id };
        await vpcLattice(`Delete${association}`, one);
        await gone(`Get${association}`, one);
      }
    }
    await vpcLattice("DeleteServiceNetwork", { serviceNetworkIdentifier: network });
  }
  if (service) {
    await vpcLattice("DeleteService", { serviceIdentifier: service });
    await gone("GetService", { serviceIdentifier: service });
  }
  if (subnet) await ask(ec2, ec2api, "DeleteSubnet", { SubnetId: subnet });
  if (vpc) await ask(ec2, ec2api, "DeleteVpc", { VpcId: vpc });
  console.log("down");
}

const step = { up, down }[process.argv[2]];
if (!step) throw new Error("node zone.js up | down");
await step();
