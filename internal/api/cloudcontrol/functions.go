package cloudcontrol

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
)

// functionTypes are the types of Lambda.
func functionTypes() map[string]*resource {
	return map[string]*resource{
		"AWS::Lambda::Function":               functionResource(),
		"AWS::Lambda::Version":                functionVersion(),
		"AWS::Lambda::Alias":                  functionAlias(),
		"AWS::Lambda::Permission":             functionPermission(),
		"AWS::Lambda::LayerVersion":           layerVersion(),
		"AWS::Lambda::LayerVersionPermission": layerPermission(),
	}
}

// inlineCode is a function's source that stands in its model, as an archive with the file that the handler's module is in.
func inlineCode(source, runtime string) ([]byte, error) {
	name := "index.js"
	if strings.HasPrefix(runtime, "python") {
		name = "index.py"
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	f, err := z.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write([]byte(source)); err != nil {
		return nil, err
	}
	err = z.Close()
	return archive.Bytes(), err
}

func functionResource() *resource {
	const code, concurrency, loop, management = "Code", "ReservedConcurrentExecutions", "RecursiveLoop", "RuntimeManagementConfig"
	r := &resource{once: true, lasting: []string{"Architectures"}, unbuilt: []string{"CodeSigningConfigArn", "FunctionScalingConfig", "PublishToLatestPublished"},
		stays: []string{"Handler", "Runtime"}, absent: model{"EphemeralStorage": map[string]any{"Size": jsonNumber(int32(512))}, "MemorySize": jsonNumber(int32(128)), "Timeout": jsonNumber(int32(3)),
			"TracingConfig": map[string]any{"Mode": "PassThrough"}, loop: "Terminate", management: map[string]any{"UpdateRuntimeOn": "Auto"}}}
	get := func(c *call, id string) (*lambda.GetFunctionOutput, error) {
		return do[lambda.GetFunctionOutput](c, lambda.Model, "GetFunction", &lambda.GetFunctionInput{FunctionName: &id})
	}
	archived := func(want model) (*lambda.FunctionCode, error) {
		given, _ := want[code].(map[string]any)
		out := &lambda.FunctionCode{}
		rest := model(given)
		source := rest.text("ZipFile")
		if source == nil {
			return out, rest.into(out)
		}
		zipped, err := inlineCode(*source, str(want.text("Runtime")))
		out.ZipFile = zipped
		return out, err
	}
	r.create = func(c *call, want model) error {
		in, plain := lambda.CreateFunctionInput{}, model{}
		for name, value := range want {
			if name != code {
				plain[name] = value
			}
		}
		if err := plain.into(&in); err != nil {
			return err
		}
		var err error
		if in.Code, err = archived(want); err != nil {
			return err
		}
		in.FunctionName, in.Tags = new(cmp.Or(str(want.text("FunctionName")), *c.nameOf(want))), want.tags()
		out, err := do[lambda.CreateFunctionOutput](c, lambda.Model, "CreateFunction", &in)
		if err == nil {
			c.made(out.FunctionName)
		}
		return err
	}
	// What has operations of its own.
	settings := func(c *call, id string, want, have model) error {
		if err := reserve(c, id, want.number(concurrency), have.number(concurrency)); err != nil {
			return err
		}
		if value := want.text(loop); value != nil && differ(want, have, loop) {
			if _, err := do[lambda.PutFunctionRecursionConfigOutput](c, lambda.Model, "PutFunctionRecursionConfig", &lambda.PutFunctionRecursionConfigInput{FunctionName: &id, RecursiveLoop: value}); err != nil {
				return err
			}
		}
		if config, ok := want[management].(map[string]any); ok && differ(want, have, management) {
			in := lambda.PutRuntimeManagementConfigInput{}
			if err := model(config).into(&in); err != nil {
				return err
			}
			in.FunctionName = &id
			if _, err := do[lambda.PutRuntimeManagementConfigOutput](c, lambda.Model, "PutRuntimeManagementConfig", &in); err != nil {
				return err
			}
		}
		return nil
	}
	r.complete = func(c *call, want model) error { return settings(c, c.id, want, model{}) }
	r.status = func(c *call, id string) (*string, *string, error) {
		out, err := get(c, id)
		if err != nil || out.Configuration == nil {
			return nil, nil, err
		}
		f := out.Configuration
		switch {
		case str(f.State) == "Failed":
			return new("CREATE_FAILED"), f.StateReason, nil
		case str(f.LastUpdateStatus) == "Failed":
			return new("UPDATE_FAILED"), f.LastUpdateStatusReason, nil
		case str(f.State) == "Pending" || str(f.LastUpdateStatus) == "InProgress":
			return new("CREATE_IN_PROGRESS"), nil, nil
		}
		return new("ACTIVE"), nil, nil
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := get(c, id)
		if err != nil {
			return nil, err
		}
		f := out.Configuration
		m := r.show(*f)
		m["Arn"] = str(f.FunctionArn)
		m["FunctionName"] = str(f.FunctionName)
		delete(m, "Layers")
		if len(f.Layers) > 0 {
			layers := []any{}
			for _, l := range f.Layers {
				layers = append(layers, str(l.Arn))
			}
			m["Layers"] = layers
		}
		if f.VpcConfig == nil || len(f.VpcConfig.SubnetIds) == 0 {
			delete(m, "VpcConfig")
		}
		if out.Concurrency != nil && out.Concurrency.ReservedConcurrentExecutions != nil {
			m[concurrency] = jsonNumber(*out.Concurrency.ReservedConcurrentExecutions)
		}
		recursion, err := do[lambda.GetFunctionRecursionConfigOutput](c, lambda.Model, "GetFunctionRecursionConfig", &lambda.GetFunctionRecursionConfigInput{FunctionName: &id})
		if err != nil {
			return nil, err
		}
		m[loop] = str(recursion.RecursiveLoop)
		runtime, err := do[lambda.GetRuntimeManagementConfigOutput](c, lambda.Model, "GetRuntimeManagementConfig", &lambda.GetRuntimeManagementConfigInput{FunctionName: &id})
		if err != nil {
			return nil, err
		}
		m[management] = map[string]any{"UpdateRuntimeOn": str(runtime.UpdateRuntimeOn)}
		m[tagsProperty] = showTags(out.Tags)
		return m, nil
	}
	r.update = func(c *call, id string, want, have model) error {
		if want[code] != nil {
			packed, err := archived(want)
			if err != nil {
				return err
			}
			if _, err := do[lambda.UpdateFunctionCodeOutput](c, lambda.Model, "UpdateFunctionCode", &lambda.UpdateFunctionCodeInput{FunctionName: &id, ZipFile: packed.ZipFile,
				S3Bucket: packed.S3Bucket, S3Key: packed.S3Key, S3ObjectVersion: packed.S3ObjectVersion, SourceKMSKeyArn: packed.SourceKMSKeyArn, ImageUri: packed.ImageUri}); err != nil {
				return err
			}
			if err := r.stable(c); err != nil {
				return err
			}
		}
		changed := model{}
		for _, name := range []string{"Description", "Handler", "Role", "Runtime", "Timeout", "MemorySize", "VpcConfig", "Environment", "Layers", "DeadLetterConfig", "TracingConfig",
			"EphemeralStorage", "LoggingConfig", "FileSystemConfigs", "ImageConfig", "KmsKeyArn", "SnapStart",
			"DurableConfig", "CapacityProviderConfig"} {
			switch {
			case !differ(want, have, name):
			case want[name] != nil:
				changed[name] = want[name]
			case name == "Layers":
				changed[name] = []any{}
			case name == "Environment":
				changed[name] = map[string]any{"Variables": map[string]any{}}
			case name == "VpcConfig":
				changed[name] = map[string]any{"SubnetIds": []any{}, "SecurityGroupIds": []any{}}
			case name == "Description":
				changed[name] = ""
			case name == "LoggingConfig":
				changed[name] = map[string]any{"LogFormat": "Text", "LogGroup": "/aws/lambda/" + id}
			}
		}
		if len(changed) > 0 {
			in := lambda.UpdateFunctionConfigurationInput{}
			if err := changed.into(&in); err != nil {
				return err
			}
			in.FunctionName = &id
			if _, err := do[lambda.UpdateFunctionConfigurationOutput](c, lambda.Model, "UpdateFunctionConfiguration", &in); err != nil {
				return err
			}
		}
		if err := settings(c, id, want, have); err != nil {
			return err
		}
		return exchangeTags(want, have, func(keys []string) error {
			_, err := do[lambda.UntagResourceOutput](c, lambda.Model, "UntagResource", &lambda.UntagResourceInput{Resource: have.text("Arn"), TagKeys: keys})
			return err
		}, func(tags map[string]string) error {
			_, err := do[lambda.TagResourceOutput](c, lambda.Model, "TagResource", &lambda.TagResourceInput{Resource: have.text("Arn"), Tags: tags})
			return err
		})
	}
	r.remove = func(c *call, id string) error {
		_, err := do[lambda.DeleteFunctionOutput](c, lambda.Model, "DeleteFunction", &lambda.DeleteFunctionInput{FunctionName: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]lambda.FunctionConfiguration, *string, error) {
			out, err := do[lambda.ListFunctionsOutput](c, lambda.Model, "ListFunctions", &lambda.ListFunctionsInput{Marker: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Functions, out.NextMarker, nil
		})
		return each(all, err, func(f lambda.FunctionConfiguration) model { return model{"FunctionName": str(f.FunctionName)} })
	})
	return r
}

// reserve sets a function's reserved concurrency, or takes it away.
func reserve(c *call, id string, want, have *int32) (err error) {
	switch {
	case want != nil && (have == nil || *have != *want):
		_, err = do[lambda.PutFunctionConcurrencyOutput](c, lambda.Model, "PutFunctionConcurrency", &lambda.PutFunctionConcurrencyInput{FunctionName: &id, ReservedConcurrentExecutions: want})
	case want == nil && have != nil:
		_, err = do[lambda.DeleteFunctionConcurrencyOutput](c, lambda.Model, "DeleteFunctionConcurrency", &lambda.DeleteFunctionConcurrencyInput{FunctionName: &id})
	}
	return err
}

// lastPart splits an ARN before its last colon.
func lastPart(arn string) (whole, last string) {
	i := strings.LastIndexByte(arn, ':')
	return arn[:max(0, i)], arn[i+1:]
}

func functionVersion() *resource {
	r := &resource{once: true, unbuilt: []string{"FunctionScalingConfig", "ProvisionedConcurrencyConfig", "RuntimePolicy"}}
	show := func(f lambda.FunctionConfiguration) model {
		if str(f.Version) == "$LATEST" {
			return nil
		}
		m := model{"FunctionArn": str(f.FunctionArn), "FunctionName": str(f.FunctionName), "Version": str(f.Version), "CodeSha256": str(f.CodeSha256)}
		if str(f.Description) != "" {
			m["Description"] = *f.Description
		}
		return m
	}
	published := func(c *call, function *string) ([]model, error) {
		all, err := pages(func(token *string) ([]lambda.FunctionConfiguration, *string, error) {
			out, err := do[lambda.ListVersionsByFunctionOutput](c, lambda.Model, "ListVersionsByFunction", &lambda.ListVersionsByFunctionInput{FunctionName: function, Marker: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Versions, out.NextMarker, nil
		})
		return each(all, err, show)
	}
	r.create = func(c *call, want model) error {
		there, err := published(c, want.text("FunctionName"))
		before, err := identifiers(there, err, func(m model) *string { return m.text("FunctionArn") })
		if err != nil {
			return err
		}
		out, err := do[lambda.PublishVersionOutput](c, lambda.Model, "PublishVersion", &lambda.PublishVersionInput{
			FunctionName: want.text("FunctionName"), Description: want.text("Description"), CodeSha256: want.text("CodeSha256")})
		if err != nil {
			return err
		}
		if slices.Contains(before, str(out.FunctionArn)) {
			// In the words that aws/aws-cdk#28252 has.
			return fault.New(fault.Exists, "ResourceConflictException", "Version already exists: %s. Please modify the function to create a new version.", str(out.FunctionArn))
		}
		c.made(out.FunctionArn)
		return nil
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := do[lambda.GetFunctionConfigurationOutput](c, lambda.Model, "GetFunctionConfiguration", &lambda.GetFunctionConfigurationInput{FunctionName: &id})
		if err != nil {
			return nil, err
		}
		if m := show(lambda.FunctionConfiguration(*out)); m != nil {
			return m, nil
		}
		return nil, missing("%s is no version of a function", id)
	}
	r.update = func(*call, string, model, model) error { return nil }
	r.remove = func(c *call, id string) error {
		function, version := lastPart(id)
		_, err := do[lambda.DeleteFunctionOutput](c, lambda.Model, "DeleteFunction", &lambda.DeleteFunctionInput{FunctionName: &function, Qualifier: &version})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) { return published(c, by.text("FunctionName")) })
	return r
}

func functionAlias() *resource {
	r := &resource{once: true, unbuilt: []string{"ProvisionedConcurrencyConfig"}}
	// The schema words weights as a list of versions, the API as a map.
	routing := func(want model) *lambda.AliasRoutingConfiguration {
		config, _ := want["RoutingConfig"].(map[string]any)
		items, _ := config["AdditionalVersionWeights"].([]any)
		if len(items) == 0 {
			return nil
		}
		out := &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
		for _, item := range items {
			one, _ := item.(map[string]any)
			version, _ := one["FunctionVersion"].(string)
			if weight, ok := one["FunctionWeight"].(json.Number); ok {
				out.AdditionalVersionWeights[version], _ = weight.Float64()
			}
		}
		return out
	}
	show := func(a lambda.AliasConfiguration) model {
		m := r.show(a)
		function, _ := lastPart(str(a.AliasArn))
		_, m["FunctionName"] = lastPart(function)
		delete(m, "RoutingConfig")
		if c := a.RoutingConfig; c != nil && len(c.AdditionalVersionWeights) > 0 {
			weights := []any{}
			for version, weight := range c.AdditionalVersionWeights {
				weights = append(weights, map[string]any{"FunctionVersion": version, "FunctionWeight": json.Number(strconv.FormatFloat(weight, 'g', -1, 64))})
			}
			m["RoutingConfig"] = map[string]any{"AdditionalVersionWeights": weights}
		}
		return m
	}
	r.create = func(c *call, want model) error {
		out, err := do[lambda.CreateAliasOutput](c, lambda.Model, "CreateAlias", &lambda.CreateAliasInput{FunctionName: want.text("FunctionName"), Name: want.text("Name"),
			FunctionVersion: want.text("FunctionVersion"), Description: want.text("Description"), RoutingConfig: routing(want)})
		if err == nil {
			c.made(out.AliasArn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		function, name := lastPart(id)
		out, err := do[lambda.GetAliasOutput](c, lambda.Model, "GetAlias", &lambda.GetAliasInput{FunctionName: &function, Name: &name})
		if err != nil {
			return nil, err
		}
		return show(lambda.AliasConfiguration(*out)), nil
	}
	r.update = func(c *call, id string, want, _ model) error {
		function, name := lastPart(id)
		// What is taken away is asked for as what is empty.
		weights := cmp.Or(routing(want), &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}})
		_, err := do[lambda.UpdateAliasOutput](c, lambda.Model, "UpdateAlias", &lambda.UpdateAliasInput{FunctionName: &function, Name: &name,
			FunctionVersion: want.text("FunctionVersion"), Description: new(str(want.text("Description"))), RoutingConfig: weights})
		return err
	}
	r.remove = func(c *call, id string) error {
		// DeleteAlias succeeds where there is none.
		if _, err := r.read(c, id); err != nil {
			return err
		}
		function, name := lastPart(id)
		_, err := do[lambda.DeleteAliasOutput](c, lambda.Model, "DeleteAlias", &lambda.DeleteAliasInput{FunctionName: &function, Name: &name})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) {
		all, err := pages(func(token *string) ([]lambda.AliasConfiguration, *string, error) {
			out, err := do[lambda.ListAliasesOutput](c, lambda.Model, "ListAliases", &lambda.ListAliasesInput{FunctionName: by.text("FunctionName"), Marker: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Aliases, out.NextMarker, nil
		})
		return each(all, err, show)
	})
	return r
}

// statement is the part of a resource policy's statement that permissions are made of.
type statement struct {
	Sid, Action string
	Principal   any
	Condition   map[string]map[string]string
}

// statements reads a policy that Lambda made.
func statements(document *string) ([]statement, error) {
	var p struct{ Statement []statement }
	if err := json.Unmarshal([]byte(str(document)), &p); err != nil {
		return nil, err
	}
	return p.Statement, nil
}

// principal is whom a statement names.
func (s statement) principal() string {
	switch p := s.Principal.(type) {
	case string:
		return p
	case map[string]any:
		for _, kind := range []string{"Service", "AWS"} {
			if name, ok := p[kind].(string); ok {
				return strings.TrimSuffix(strings.TrimPrefix(name, "arn:aws:iam::"), ":root")
			}
		}
	}
	return ""
}

// functionPermission is one statement of a function's policy. Its identifier is the function's name and the statement's.
func functionPermission() *resource {
	r := &resource{}
	find := func(c *call, function string) ([]model, error) {
		out, err := do[lambda.GetPolicyOutput](c, lambda.Model, "GetPolicy", &lambda.GetPolicyInput{FunctionName: &function})
		if fault.Is(err, fault.NotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all, err := statements(out.Policy)
		return each(all, err, func(s statement) model {
			m := model{"FunctionName": function, "Id": s.Sid, "Action": s.Action, "Principal": s.principal()}
			for property, key := range map[string]string{"SourceArn": "AWS:SourceArn", "SourceAccount": "AWS:SourceAccount", "PrincipalOrgID": "aws:PrincipalOrgID",
				"FunctionUrlAuthType": "lambda:FunctionUrlAuthType", "EventSourceToken": "lambda:EventSourceToken"} {
				for _, conditions := range s.Condition {
					for name, value := range conditions {
						if strings.EqualFold(name, key) {
							m[property] = value
						}
						if strings.EqualFold(name, "lambda:InvokedViaFunctionUrl") {
							m["InvokedViaFunctionUrl"] = value == "true"
						}
					}
				}
			}
			return m
		})
	}
	r.create = func(c *call, want model) error {
		in := lambda.AddPermissionInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.StatementId = new("cloudcontrol-" + c.token)
		id := str(in.FunctionName) + "|" + *in.StatementId
		if c.again {
			if _, err := r.read(c, id); err == nil {
				c.made(&id)
				return nil
			}
		}
		_, err := do[lambda.AddPermissionOutput](c, lambda.Model, "AddPermission", &in)
		if err == nil {
			c.made(&id)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		function, sid := parts(id)
		all, err := find(c, function)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(all, func(m model) bool { return m["Id"] == sid }); i >= 0 {
			return all[i], nil
		}
		return nil, missing("The function %s has no permission %s", function, sid)
	}
	r.remove = func(c *call, id string) error {
		function, sid := parts(id)
		_, err := do[lambda.RemovePermissionOutput](c, lambda.Model, "RemovePermission", &lambda.RemovePermissionInput{FunctionName: &function, StatementId: &sid})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) { return find(c, str(by.text("FunctionName"))) })
	return r
}
