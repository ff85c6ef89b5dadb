package cloudcontrol

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/fault"
)

// layerOf splits a layer version's ARN.
func layerOf(arn string) (layer string, version *int64, err error) {
	layer, number := lastPart(arn)
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return "", nil, missing("There is no layer version %s", clip(arn))
	}
	return layer, &n, nil
}

func layerVersion() *resource {
	r := &resource{once: true}
	r.create = func(c *call, want model) error {
		in := lambda.PublishLayerVersionInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.LayerName = new(cmp.Or(str(want.text("LayerName")), *c.nameOf(want)))
		out, err := do[lambda.PublishLayerVersionOutput](c, lambda.Model, "PublishLayerVersion", &in)
		if err == nil {
			c.made(out.LayerVersionArn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		layer, version, err := layerOf(id)
		if err != nil {
			return nil, err
		}
		out, err := do[lambda.GetLayerVersionOutput](c, lambda.Model, "GetLayerVersion", &lambda.GetLayerVersionInput{LayerName: &layer, VersionNumber: version})
		if err != nil {
			return nil, err
		}
		m := r.show(*out)
		_, m["LayerName"] = lastPart(layer)
		return m, nil
	}
	r.remove = func(c *call, id string) error {
		layer, version, err := layerOf(id)
		if err != nil {
			return err
		}
		// DeleteLayerVersion succeeds where there is none.
		if _, err := r.read(c, id); err != nil {
			return err
		}
		_, err = do[lambda.DeleteLayerVersionOutput](c, lambda.Model, "DeleteLayerVersion", &lambda.DeleteLayerVersionInput{LayerName: &layer, VersionNumber: version})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) {
		all, err := pages(func(token *string) ([]lambda.LayerVersionsListItem, *string, error) {
			out, err := do[lambda.ListLayerVersionsOutput](c, lambda.Model, "ListLayerVersions", &lambda.ListLayerVersionsInput{LayerName: by.text("LayerName"), Marker: token})
			if err != nil {
				return nil, nil, err
			}
			return out.LayerVersions, out.NextMarker, nil
		})
		return each(all, err, func(l lambda.LayerVersionsListItem) model { return model{"LayerVersionArn": str(l.LayerVersionArn)} })
	})
	return r
}

// layerPermission is one statement of a layer version's policy. Its identifier is the version's ARN, # and the statement's name.
func layerPermission() *resource {
	r := &resource{}
	find := func(c *call, arn string) ([]model, error) {
		layer, version, err := layerOf(arn)
		if err != nil {
			return nil, err
		}
		out, err := do[lambda.GetLayerVersionPolicyOutput](c, lambda.Model, "GetLayerVersionPolicy", &lambda.GetLayerVersionPolicyInput{LayerName: &layer, VersionNumber: version})
		if fault.Is(err, fault.NotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all, err := statements(out.Policy)
		return each(all, err, func(s statement) model {
			m := model{"Id": arn + "#" + s.Sid, "LayerVersionArn": arn, "Action": s.Action, "Principal": s.principal()}
			for _, conditions := range s.Condition {
				for name, value := range conditions {
					if strings.EqualFold(name, "aws:PrincipalOrgID") {
						m["OrganizationId"] = value
					}
				}
			}
			return m
		})
	}
	r.create = func(c *call, want model) error {
		layer, version, err := layerOf(str(want.text("LayerVersionArn")))
		if err != nil {
			return err
		}
		sid := "cloudcontrol-" + c.token
		id := str(want.text("LayerVersionArn")) + "#" + sid
		if c.again {
			if _, err := r.read(c, id); err == nil {
				c.made(&id)
				return nil
			}
		}
		_, err = do[lambda.AddLayerVersionPermissionOutput](c, lambda.Model, "AddLayerVersionPermission", &lambda.AddLayerVersionPermissionInput{LayerName: &layer, VersionNumber: version,
			StatementId: &sid, Action: want.text("Action"), Principal: want.text("Principal"), OrganizationId: want.text("OrganizationId")})
		if err == nil {
			c.made(&id)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		arn, _, _ := strings.Cut(id, "#")
		all, err := find(c, arn)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(all, func(m model) bool { return m["Id"] == id }); i >= 0 {
			return all[i], nil
		}
		return nil, missing("There is no permission %s", clip(id))
	}
	r.remove = func(c *call, id string) error {
		arn, sid, _ := strings.Cut(id, "#")
		layer, version, err := layerOf(arn)
		if err != nil {
			return err
		}
		_, err = do[lambda.RemoveLayerVersionPermissionOutput](c, lambda.Model, "RemoveLayerVersionPermission", &lambda.RemoveLayerVersionPermissionInput{
			LayerName: &layer, VersionNumber: version, StatementId: &sid})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) { return find(c, str(by.text("LayerVersionArn"))) })
	return r
}
