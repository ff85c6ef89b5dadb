// A VPC whose programs reach a Lattice service, with the AWS SDK for JavaScript. Up makes what is missing, sets what is otherwise, and says
// what it did; nothing is kept between runs: what is there is found by its name.
//
//     node zone.js up [--answer 404|500] [--service javascript-zone]
//     node zone.js down
import { parseArgs } from "node:util";
import * as ec2api from "@aws-sdk/client-ec2";
import * as latticeapi from "@aws-sdk/client-vpc-lattice";

const NAME = "javascript-zone";
const ec2 = new ec2api.EC2Client();
const lattice = new latticeapi.VPCLatticeClient();
const did = [];

// ask calls an operation by its name.
const ask = (client, api, operation, input = {}) => client.send(new api[`${operation}Command`](input));
const vpcLattice = (operation, input) => ask(lattice, latticeapi, operation, input);

// every is all items of a listing.
async function every(operation, input = {}) {
  const all = [];
  for await (const page of latticeapi[`paginate${operation}`]({ client: lattice, pageSize: 1 }, input)) all.push(...page.items);
  return all;
}

const named = async (operation, name) => (await every(operation)).find((item) => item.name === name);

async function ensure(what, present, make) {
  if (present) return present;
  did.push(`made ${what}`);
  return make();
}

async function equal(what, value, wanted, put) {
  if (value === wanted) return;
  did.push(`set ${what}`);
  await put();
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
  const network = (await named("ListServiceNetworks", NAME))?.id;
  const offered = network ? await every("ListServiceNetworkServiceAssociations", { serviceNetworkIdentifier: network }) : [];
  return { vpc, subnet: Subnets[0]?.SubnetId, network, offered };
}

async function up({ answer, service }) {
  const has = await zone();
  const vpc = await ensure("VPC", has.vpc, async () => (await ask(ec2, ec2api, "CreateVpc", {
    CidrBlock: "10.0.0.0/16", TagSpecifications: [{ ResourceType: "vpc", Tags: [{ Key: "Name", Value: NAME }] }] })).Vpc.VpcId);
  await ec2api.waitUntilVpcAvailable({ client: ec2, maxWaitTime: 60, minDelay: 1 }, { VpcIds: [vpc] });
  const subnet = await ensure("subnet", has.subnet, async () =>
    (await ask(ec2, ec2api, "CreateSubnet", { VpcId: vpc, CidrBlock: "10.0.0.0/24" })).Subnet.SubnetId);
  const serviceNetworkIdentifier = await ensure("service network", has.network, async () =>
    (await vpcLattice("CreateServiceNetwork", { name: NAME })).id);
  // A service keeps its name, so another name is another service.
  for (const { serviceId, serviceName } of has.offered) if (serviceName !== service) await dropService(serviceId);
  const serviceIdentifier = await ensure("service", (await named("ListServices", service))?.id, async () =>
    (await vpcLattice("CreateService", { name: service })).id);
  await active("GetService", { serviceIdentifier });
  const defaultAction = { fixedResponse: { statusCode: Number(answer) } };
  const { id: listenerIdentifier } = await ensure("listener", (await every("ListListeners", { serviceIdentifier }))[0], () =>
    vpcLattice("CreateListener", { serviceIdentifier, name: "http", protocol: "HTTP", port: 80, defaultAction }));
  const listener = await vpcLattice("GetListener", { serviceIdentifier, listenerIdentifier });
  await equal("answer", listener.defaultAction.fixedResponse.statusCode, Number(answer), () =>
    vpcLattice("UpdateListener", { serviceIdentifier, listenerIdentifier, defaultAction }));
  const joined = await ensure("VPC association", (await every("ListServiceNetworkVpcAssociations", { vpcIdentifier: vpc }))[0], () =>
    vpcLattice("CreateServiceNetworkVpcAssociation", { serviceNetworkIdentifier, vpcIdentifier: vpc }));
  const offered = await ensure("service association", (await every("ListServiceNetworkServiceAssociations", { serviceIdentifier }))[0], () =>
    vpcLattice("CreateServiceNetworkServiceAssociation", { serviceNetworkIdentifier, serviceIdentifier }));
  await active("GetServiceNetworkVpcAssociation", { serviceNetworkVpcAssociationIdentifier: joined.id });
  await active("GetServiceNetworkServiceAssociation", { serviceNetworkServiceAssociationIdentifier: offered.id });
  const { dnsEntry } = await vpcLattice("GetService", { serviceIdentifier });
  console.log("up:  ", did.join(", ") || "nothing to do");
  console.log("try:  trellis exec --subnet", subnet, "-- curl -s -o /dev/null -w '%{http_code}\\n'", `http://${dnsEntry.domainName}/`);
}

// drop ends something, and waits until it is gone.
async function drop(kind, one) {
  did.push(`took away ${kind}`);
  await vpcLattice(`Delete${kind}`, one);
  await gone(`Get${kind}`, one);
}

async function dropService(serviceIdentifier) {
  for (const { id } of await every("ListServiceNetworkServiceAssociations", { serviceIdentifier }))
    await drop("ServiceNetworkServiceAssociation", { serviceNetworkServiceAssociationIdentifier: id });
  await drop("Service", { serviceIdentifier });
}

async function down({ service }) {
  const { vpc, subnet, network, offered } = await zone();
  const left = await named("ListServices", service);
  for (const id of new Set([...offered.map((item) => item.serviceId), ...(left ? [left.id] : [])])) await dropService(id);
  if (network) {
    for (const { id } of await every("ListServiceNetworkVpcAssociations", { serviceNetworkIdentifier: network }))
      await drop("ServiceNetworkVpcAssociation", { serviceNetworkVpcAssociationIdentifier: id });
    await drop("ServiceNetwork", { serviceNetworkIdentifier: network });
  }
  if (subnet) await ask(ec2, ec2api, "DeleteSubnet", { SubnetId: subnet });
  if (vpc) await ask(ec2, ec2api, "DeleteVpc", { VpcId: vpc });
  did.push(...[subnet && "took away Subnet", vpc && "took away Vpc"].filter(Boolean));
  console.log("down:", did.join(", ") || "nothing to do");
}

const { values, positionals: [verb] } = parseArgs({ allowPositionals: true, options: {
  answer: { type: "string", default: "404" }, service: { type: "string", default: NAME } } });
const step = { up, down }[verb];
if (!step) {
  console.error("node zone.js up [--answer 404|500] [--service javascript-zone]\nnode zone.js down");
  process.exit(2);
}
await step(values).catch((problem) => {
  console.error(`${problem.name}:`, [problem.message, ...(problem.fieldList ?? []).map((field) => field.message)].join(" "));
  process.exitCode = 1;
});
