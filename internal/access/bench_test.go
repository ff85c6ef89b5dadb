package access_test

import (
	"testing"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/caller"
)

// BenchmarkLookup is what a session costs whoever verifies a request that it signed.
func BenchmarkLookup(b *testing.B) {
	w := newWorldOf(b)
	role := w.role(red, "fn", trust(`{"Service":"lambda.amazonaws.com"}`), everything)
	c, err := w.AssumeAsService(role.ARN(), "lambda.amazonaws.com", "f")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, who, err := w.Lookup(b.Context(), c.AccessKey, c.Token)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Entitlements(w.view.Snapshot(), &who); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthorize(b *testing.B) {
	w := newWorldOf(b)
	ctx := w.user(red, "ann", everything)
	in := &ec2.CreateSubnetInput{VpcId: new("vpc-1")}
	if caller.From(ctx) == nil {
		b.Fatal("no caller")
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Authorize(ctx, "ec2:CreateSubnet", in); err != nil {
			b.Fatal(err)
		}
	}
}
