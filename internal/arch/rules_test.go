package arch

import "regexp"

// layer is a group of packages that may import the same others. Paths are
// relative to the module; "x/..." is x and all below it, and the most exact
// pattern that fits a package decides its layer.
type layer struct {
	packages []string
	imports  []string // the packages of this module that they may import
	pure     bool     // no I/O: see impure
	why      string
}

var (
	basics  = []string{"internal/fault", "internal/arn", "internal/caller", "internal/tag"}
	domain  = []string{"internal/lattice", "internal/vpc", "internal/share", "internal/balancer", "internal/function", "internal/identity", "internal/logs"}
	effects = []string{"internal/substrate", "internal/resolver", "internal/proxy", "internal/proxy/http1", "internal/sandbox"}
	all     = []string{"..."}
)

func join(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// layers are the import directions, bottom first. A package that fits none fails
// the test: whoever adds one says here where it stands.
var layers = []layer{
	{
		packages: []string{"internal/fault", "internal/arn"}, pure: true,
		why: "every package uses them, so they use none",
	},
	{
		packages: []string{"internal/ordered"}, pure: true,
		why: "comparing what is wanted with what was is the same for all that is wanted",
	},
	{
		packages: []string{"internal/caller", "internal/tag"}, imports: []string{"internal/fault", "internal/arn"}, pure: true,
		why: "they are words that every API shares, and need only the two below them",
	},
	{
		packages: domain, imports: join(basics, []string{"internal/vpc"}), pure: true,
		why: "a resource's rules can be read and tested without knowing how it is stored, served or realised; " +
			"each kind stands alone, but that most are placed in a VPC",
	},
	{
		packages: []string{"internal/iam"}, imports: basics, pure: true,
		why: "a decision depends on policies and a request, never on where they came from",
	},
	{
		packages: []string{"internal/disk"}, imports: []string{"internal/fault"},
		why: "whoever writes to a disk asks it for room, whatever is written",
	},
	{
		packages: []string{"internal/headroom"}, imports: []string{"internal/fault"},
		why: "what the process may still open is the same question whoever opens it",
	},
	{
		packages: []string{"internal/strict"},
		why:      "what may not come over a connection is the same for every server that reads HTTP leniently",
	},
	{
		packages: []string{"internal/store"},
		why:      "the contract of a database says nothing of what is kept in it",
	},
	{
		packages: []string{"internal/store/..."}, imports: []string{"internal/store", "internal/store/storetest", "internal/fault", "internal/disk"},
		why: "one store can take the place of another only if neither knows more than the contract",
	},
	{
		packages: []string{"internal/blob", "internal/journal", "internal/vault"}, imports: []string{"internal/fault", "internal/disk"},
		why: "archives are bytes under a hash, log events lines under an id and secrets bytes under a key; what they are for is their user's affair",
	},
	{
		packages: []string{"internal/state"}, imports: join(basics, domain, []string{"internal/iam", "internal/store"}),
		why: "a snapshot is decoded domain values; were it to know a reader, it could not serve them all",
	},
	{
		packages: []string{"internal/aws/model"}, pure: true,
		why: "the tables of the APIs are data",
	},
	{
		packages: []string{"internal/aws/model/..."}, imports: []string{"internal/aws/model"},
		why: "what is generated depends on nothing that is written by hand but the form of its tables",
	},
	{
		packages: []string{"internal/aws/..."}, imports: join(basics, []string{"internal/aws/...", "internal/iam"}),
		why: "the wire takes its operations by injection: it is the same for every API, and no API can lean on HTTP",
	},
	{
		packages: []string{"internal/access"},
		imports:  join(basics, domain, []string{"internal/iam", "internal/state", "internal/aws/model/..."}),
		why:      "who may do what depends on what is stored and on what a call names, not on how it came",
	},
	{
		packages: []string{"internal/api/cloudcontrol/..."}, imports: join(basics, domain, []string{
			"internal/iam", "internal/store", "internal/state", "internal/aws/model/...", "internal/api/page", "internal/api/cloudcontrol/...",
		}),
		why: "as every API; the generated schemas of its types are a package of their own",
	},
	{
		packages: []string{"internal/api/page"}, imports: basics, pure: true,
		why: "paging is the same for every API",
	},
	{
		packages: []string{"internal/api/..."},
		imports: join(basics, domain, []string{
			"internal/iam", "internal/store", "internal/state", "internal/access", "internal/blob", "internal/journal", "internal/aws/model/...", "internal/api/page",
		}),
		why: "an API changes spec in the store and reads status from it. It never plans, never touches the kernel and never sees HTTP, " +
			"so no kernel error can reach a caller but as a status; and no API calls another, so each can be read alone",
	},
	{
		packages: effects, imports: join(basics, domain, []string{"internal/iam", "internal/ordered", "internal/proxy/http1"}), pure: true,
		why: "what should be is data, worked out and tested without privilege; only a sibling makes system calls",
	},
	{
		packages: []string{"internal/guard"}, imports: join(basics, []string{"internal/iam", "internal/proxy", "internal/proxy/http1"}), pure: true,
		why: "the proxy asks policies and the policies know nothing of requests: here the two meet",
	},
	{
		packages: []string{"internal/guard/signed"},
		imports:  join(basics, []string{"internal/iam", "internal/guard", "internal/proxy", "internal/proxy/http1", "internal/aws/sigv4"}),
		why:      "a signature is checked by the code that checks those of API calls, or the two would differ",
	},
	{
		packages: []string{"internal/plan"},
		imports:  join(basics, domain, effects, []string{"internal/guard", "internal/iam", "internal/ordered", "internal/state", "internal/store"}), pure: true,
		why: "Compile is a function from a snapshot to data: it neither stores nor applies",
	},
	{
		packages: []string{"internal/substrate/linux"}, imports: join(basics, domain, []string{"internal/ordered", "internal/substrate"}),
		why: "an effect knows its own data and no other effect; where two meet, the user declares an interface and cmd passes the value",
	},
	{
		packages: []string{"internal/resolver/server"}, imports: join(basics, domain, []string{"internal/resolver"}),
		why: "as for substrate/linux: it opens its sockets through an interface of its own",
	},
	{
		packages: []string{"internal/proxy/server"},
		imports:  join(basics, domain, []string{"internal/iam", "internal/proxy", "internal/proxy/http1", "internal/aws/sigv4"}),
		why: "as for substrate/linux: it dials and invokes through interfaces of its own. A signature is checked by the code that " +
			"checks those of API calls, or the two would differ",
	},
	{
		packages: []string{"internal/sandbox/process"}, imports: join(basics, domain, []string{"internal/sandbox", "internal/strict"}),
		why: "as for substrate/linux: it starts processes through an interface of its own",
	},
	{
		packages: []string{"internal/reconcile"},
		why:      "the loop is generic: to know what it applies would make it one of them",
	},
	{
		packages: []string{"internal/admin"},
		imports:  join(basics, domain, []string{"internal/access", "internal/iam", "internal/plan", "internal/store", "internal/state"}),
		why:      "administration reads and writes the same state as the APIs, asks the plan what a connection would meet, and never touches the kernel",
	},
	{
		packages: []string{"internal/cli"},
		why:      "the command line is a client: what it can do, any client of the sockets can",
	},
	{
		packages: []string{"internal/arch"},
		why:      "it reads the others as text",
	},
	{
		packages: []string{"cmd/...", "test/...", "bench/..."}, imports: all,
		why: "only the commands put the parts together, and only whole-program tests drive them",
	},
}

// guard says who may import a package from outside the module.
type guard struct {
	path     string // "x/..." is x and all below it
	packages []string
	why      string
}

// guards hold every dependency to the packages it was chosen for. A dependency
// that fits none fails the test, as does a standard package here in other hands.
var guards = []guard{
	{"go.uber.org/zap/...", []string{"internal/store/etcd", "test/cluster"}, "etcd logs with it"},
	{"google.golang.org/grpc/...", []string{"test/cluster"}, "its client of etcd dials around what it cut"},
	{"go.etcd.io/...", []string{"internal/store/etcd", "test/cluster"}, "etcd is one implementation of a contract, and its members are what tests kill"},
	{"github.com/tidwall/btree", []string{"internal/state", "internal/store/mem", "internal/resolver"}, "ordered copy-on-write indexes of snapshots, and of names"},
	{"github.com/vishvananda/...", []string{"internal/substrate/linux", "internal/sandbox/process", "bench/harm", "test/kernel"}, "netlink is the kernel's door, and effects stand at it"},
	{"github.com/google/nftables/...", []string{"internal/substrate/linux", "bench/harm", "test/kernel"}, "as netlink"},
	{"github.com/mdlayher/...", []string{"internal/substrate/linux"}, "nftables' own sockets"},
	{"golang.org/x/sys/...", []string{"internal/substrate/linux", "internal/sandbox/process", "internal/proxy/server", "internal/admin", "internal/store/etcd", "cmd/...", "bench/harm", "test/kernel"},
		"system calls are for effects, for peer credentials of the admin socket, and to reserve the database's part of the disk"},
	{"github.com/elastic/go-seccomp-bpf", []string{"internal/sandbox/process"}, "only functions are confined"},
	{"github.com/miekg/dns", []string{"internal/resolver/server"}, "zones are data without a wire format"},
	{"golang.org/x/net/...", []string{"internal/proxy/server", "internal/aws/..."}, "HTTP/2"},
	{"golang.org/x/net/bpf", []string{"internal/sandbox/process"}, "a seccomp filter is a BPF program"},
	{"golang.org/x/time/...", []string{"internal/aws"}, "calls are throttled by buckets of tokens"},
	{"github.com/google/uuid", []string{"internal/aws/...", "internal/api/...", "internal/proxy/...", "internal/sandbox/..."}, "request ids and tokens"},
	{"github.com/evanphx/json-patch/v5", []string{"internal/api/cloudcontrol"}, "Cloud Control updates are JSON Patch"},
	{"github.com/prometheus/...", []string{"cmd/...", "internal/admin", "internal/aws/...", "internal/proxy/server", "internal/resolver/server",
		"internal/substrate/linux", "internal/sandbox/process"}, "metrics are counted where things happen: at the wire and in effects"},
	{"github.com/spf13/...", []string{"internal/cli", "cmd/..."}, "flags are the command line's"},
	{"github.com/aws/...", []string{"test/...", "bench/..."}, "the SDK is a client; the server must not share its mistakes"},
	{"github.com/rogpeppe/go-internal/...", []string{"test/..."}, "scripts of the command line are tests"},

	{"os/exec", []string{"internal/substrate/linux", "internal/sandbox/process", "internal/cli", "cmd/...", "test/...", "bench/..."},
		"a program is started by an effect or a person, never by a decision"},
	{"unsafe", []string{"internal/substrate/linux", "internal/sandbox/process", "internal/proxy", "internal/proxy/http1", "internal/proxy/server"},
		"system calls and the path of every request; nowhere else does it pay"},
	{"testing", []string{"internal/store/storetest", "internal/arch", "test/..."}, "tests stay out of the program; the store's suite is one for others to run"},
	{"plugin", nil, "one static program"},
	{"C", nil, "one static program"},
	{"math/rand", nil, "math/rand/v2 replaced it"},
	{"io/ioutil", nil, "io and os replaced it"},
	{"net/http/pprof", nil, "it registers itself on the default mux"},
	{"expvar", []string{"internal/store/etcd"}, "it registers itself on the default mux; etcd brings it along, and says there what raft has applied"},
}

// impure are the standard packages that reach outside the program. A pure layer
// imports none of them nor any dependency but data structures.
var impure = []string{"os/...", "net", "net/http/...", "net/rpc/...", "net/smtp", "syscall", "io/ioutil", "log/syslog", "plugin", "database/..."}

// httpWords is the part of net/http that is words alone, which pure layers may use.
var httpWords = regexp.MustCompile(`^(Status.*|Method.*|Header|CanonicalHeaderKey)$`)

// badNames are package names that say nothing of what a package owns.
var badNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "lib", "core", "base", "types", "models", "interfaces", "manager"}
