package engine

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	rarchive "github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const stackType = "pulumi:pulumi:Stack"

// Archive is the content of an archive among a resource's inputs; the state keeps its hash.
type Archive struct {
	Zip  []byte
	Hash string
}

// MarshalJSON is what the state and a comparison see.
func (a *Archive) MarshalJSON() ([]byte, error) { return json.Marshal("archive sha256:" + a.Hash) }

// monitor is the engine's end of the SDK's protocols for one run of a program.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer
	pulumirpc.UnimplementedEngineServer
	worker
	ctx context.Context

	mu      sync.Mutex
	met     map[string]bool
	errs    []error
	outputs Properties
}

func newMonitor(ctx context.Context, s Stack, st *state) *monitor {
	return &monitor{worker: worker{s, st}, ctx: ctx, met: map[string]bool{}}
}

// serve listens on a socket that this user alone can reach; stop returns once nothing is being served.
func (m *monitor) serve() (address string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "landing-zone-*")
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(dir, "monitor.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	pulumirpc.RegisterResourceMonitorServer(server, m)
	pulumirpc.RegisterEngineServer(server, m)
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); err != nil {
			m.fail(err)
		}
	}()
	return "unix://" + path, func() {
		server.GracefulStop()
		<-served
		os.RemoveAll(dir)
	}, nil
}

func (m *monitor) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.errs = append(m.errs, err)
}

func (m *monitor) failures() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(m.errs...)
}

func (m *monitor) registered() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.met)
}

func (m *monitor) exports() Properties {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.outputs)
}

// SupportsFeature claims none: property values then arrive plain.
func (m *monitor) SupportsFeature(context.Context, *pulumirpc.SupportsFeatureRequest) (*pulumirpc.SupportsFeatureResponse, error) {
	return &pulumirpc.SupportsFeatureResponse{}, nil
}

// Invoke asks a provider's data source.
func (m *monitor) Invoke(_ context.Context, req *pulumirpc.ResourceInvokeRequest) (*pulumirpc.InvokeResponse, error) {
	p, err := m.provider(req.GetTok())
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	args, err := m.decode(req.GetArgs())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	result, err := p.Invoke(m.ctx, req.GetTok(), args)
	if err != nil {
		err = fmt.Errorf("%s: %w", req.GetTok(), err)
		m.fail(err)
		return nil, status.Error(codes.Unknown, err.Error())
	}
	object, err := encode(result)
	return &pulumirpc.InvokeResponse{Return: object}, err
}

// RegisterResource makes one resource as the program wants it. The SDK calls it only when all the resource depends on
// has been answered, and for any number of resources at once.
func (m *monitor) RegisterResource(_ context.Context, req *pulumirpc.RegisterResourceRequest) (*pulumirpc.RegisterResourceResponse, error) {
	name := m.urn(req)
	if req.GetType() == stackType {
		return &pulumirpc.RegisterResourceResponse{Urn: name}, nil
	}
	got, err := m.register(name, req)
	if err != nil {
		m.fail(err)
		return nil, status.Error(codes.Unknown, err.Error())
	}
	object, err := encode(got.Outputs)
	return &pulumirpc.RegisterResourceResponse{Urn: name, Id: got.ID, Object: object}, err
}

func (m *monitor) register(name string, req *pulumirpc.RegisterResourceRequest) (record, error) {
	if option := unsupported(req); option != "" {
		return record{}, fmt.Errorf("%s %s: %s is not supported here", req.GetType(), req.GetName(), option)
	}
	m.mu.Lock()
	twice := m.met[name]
	m.met[name] = true
	others := maps.Clone(m.met)
	m.mu.Unlock()
	if twice {
		return record{}, fmt.Errorf("%s %s is registered twice", req.GetType(), req.GetName())
	}
	inputs, err := m.decode(req.GetObject())
	if err != nil {
		return record{}, fmt.Errorf("%s %s: %w", req.GetType(), req.GetName(), err)
	}
	dependencies := slices.Clone(req.GetDependencies())
	slices.Sort(dependencies)
	return m.settle(m.ctx, wish{
		record: record{
			URN:          name,
			Type:         req.GetType(),
			Name:         req.GetName(),
			Parent:       req.GetParent(),
			Provider:     packageOf(req.GetType()),
			Dependencies: dependencies,
			Inputs:       inputs,
		},
		aliases:  earlier(req.GetAliasURNs()),
		imported: req.GetImportId(),
	}, others)
}

// unsupported names a resource option that would be lost on this engine.
func unsupported(req *pulumirpc.RegisterResourceRequest) string {
	switch {
	case !req.GetCustom() || req.GetRemote():
		return "a component resource"
	case req.GetProvider() != "":
		return "an explicit provider"
	case req.GetProtect():
		return "protect"
	case len(req.GetIgnoreChanges()) > 0:
		return "ignoreChanges"
	case req.GetRetainOnDelete():
		return "retainOnDelete"
	case len(req.GetAliases()) > 0:
		return "an alias by its parts"
	}
	return ""
}

// RegisterResourceOutputs takes what the program exports.
func (m *monitor) RegisterResourceOutputs(_ context.Context, req *pulumirpc.RegisterResourceOutputsRequest) (*emptypb.Empty, error) {
	outputs, err := m.decode(req.GetOutputs())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outputs = outputs
	return &emptypb.Empty{}, nil
}

// SignalAndWaitForShutdown is the program's end; nothing is left to wait for.
func (m *monitor) SignalAndWaitForShutdown(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// Log passes the program's messages on, but those for debugging.
func (m *monitor) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	if req.GetSeverity() != pulumirpc.LogSeverity_DEBUG {
		m.log(req.GetMessage())
	}
	return &emptypb.Empty{}, nil
}

func (m *monitor) urn(req *pulumirpc.RegisterResourceRequest) string {
	var parent tokens.Type
	if p := req.GetParent(); p != "" {
		if parent = urn.URN(p).QualifiedType(); parent == stackType {
			parent = ""
		}
	}
	return string(urn.New(tokens.QName(m.Name), tokens.PackageName(m.Project), parent, tokens.Type(req.GetType()), req.GetName()))
}

// earlier are aliases as URNs of the state, which say nothing of the stack a resource is in.
func earlier(aliases []string) []string {
	var urns []string
	for _, alias := range aliases {
		urns = append(urns, strings.Replace(alias, "::"+stackType+"$", "::", 1))
	}
	return urns
}

func packageOf(token string) string {
	pkg, _, _ := strings.Cut(token, ":")
	return pkg
}

func encode(properties Properties) (*structpb.Struct, error) {
	return plugin.MarshalProperties(resource.NewPropertyMapFromMap(properties), plugin.MarshalOptions{})
}

func (m *monitor) decode(object *structpb.Struct) (Properties, error) {
	props, err := plugin.UnmarshalProperties(object, plugin.MarshalOptions{RejectUnknowns: true})
	if err != nil {
		return nil, err
	}
	return m.plainObject(props)
}

func (m *monitor) plainObject(props resource.PropertyMap) (Properties, error) {
	object := Properties{}
	for key, value := range props {
		if value.IsNull() {
			continue
		}
		v, err := m.plain(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		object[string(key)] = v
	}
	return object, nil
}

func (m *monitor) plain(value resource.PropertyValue) (any, error) {
	switch {
	case value.IsArchive():
		return m.archive(value.ArchiveValue())
	case value.IsArray():
		list := make([]any, 0, len(value.ArrayValue()))
		for _, element := range value.ArrayValue() {
			v, err := m.plain(element)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case value.IsObject():
		return m.plainObject(value.ObjectValue())
	case value.IsBool(), value.IsNumber(), value.IsString(), value.IsNull():
		return value.V, nil
	}
	return nil, fmt.Errorf("a %s is not supported here", value.TypeString())
}

func (m *monitor) archive(a *rarchive.Archive) (*Archive, error) {
	var content bytes.Buffer
	if err := a.ArchiveWithWD(rarchive.ZIPArchive, &content, m.Root); err != nil {
		return nil, err
	}
	if _, err := zip.NewReader(bytes.NewReader(content.Bytes()), int64(content.Len())); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content.Bytes())
	return &Archive{Zip: content.Bytes(), Hash: hex.EncodeToString(sum[:])}, nil
}
