package logs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	api "trellis/internal/api/logs"
	"trellis/internal/aws/model/logs"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/journal"
	"trellis/internal/state"
	"trellis/internal/store/mem"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

func newAPI(t *testing.T) *api.API {
	t.Helper()
	s := mem.New()
	v, err := state.Open(t.Context(), s, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close(); _ = s.Close() })
	j, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return api.New(v, j)
}

func as(t *testing.T, account string) context.Context {
	return caller.With(t.Context(), &caller.Caller{Account: account, Region: "us-east-1"})
}

func ptr[T any](v T) *T { return &v }

func code(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return fmt.Sprint(err)
}

func TestGroupsAndEvents(t *testing.T) {
	a := newAPI(t)
	blue, green := as(t, "111111111111"), as(t, "222222222222")
	name := ptr("/aws/lambda/F")
	if _, err := a.CreateLogGroup(blue, &logs.CreateLogGroupInput{LogGroupName: name, Tags: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateLogGroup(blue, &logs.CreateLogGroupInput{LogGroupName: name}); code(err) != "ResourceAlreadyExistsException" {
		t.Errorf("create again: %v", err)
	}
	if _, err := a.CreateLogGroup(blue, &logs.CreateLogGroupInput{LogGroupName: ptr("/sealed"), KmsKeyId: ptr("arn:aws:kms:us-east-1:111111111111:key/k")}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a key that is not there: %v", err)
	}
	if _, err := a.CreateLogStream(blue, &logs.CreateLogStreamInput{LogGroupName: name, LogStreamName: ptr("s")}); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	var batch []logs.InputLogEvent
	for i := range int64(25) {
		batch = append(batch, logs.InputLogEvent{Timestamp: ptr(now + i), Message: ptr(fmt.Sprintf("line %d", i))})
	}
	batch = append(batch, logs.InputLogEvent{Timestamp: ptr(now + (4 * time.Hour).Milliseconds()), Message: ptr("from the future")})
	put, err := a.PutLogEvents(blue, &logs.PutLogEventsInput{LogGroupName: name, LogStreamName: ptr("s"), LogEvents: batch})
	if err != nil || put.RejectedLogEventsInfo == nil || *put.RejectedLogEventsInfo.TooNewLogEventStartIndex != 25 {
		t.Fatalf("put: %+v, %v", put, err)
	}

	// Forward in pages of ten until the token repeats, as clients do.
	var got []string
	in := &logs.GetLogEventsInput{LogGroupName: name, LogStreamName: ptr("s"), Limit: ptr(int32(10)), StartFromHead: ptr(true)}
	for {
		page, err := a.GetLogEvents(blue, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			got = append(got, *e.Message)
		}
		if in.NextToken != nil && *in.NextToken == *page.NextForwardToken {
			break
		}
		in.NextToken = page.NextForwardToken
	}
	if len(got) != 25 || got[0] != "line 0" || got[24] != "line 24" {
		t.Errorf("read %d events: %v", len(got), got)
	}
	found, err := a.FilterLogEvents(blue, &logs.FilterLogEventsInput{LogGroupName: name, FilterPattern: ptr(`"line 2"`)})
	if err != nil || len(found.Events) != 6 {
		t.Errorf("filter: %d events, %v", len(found.Events), err)
	}
	if _, err := a.FilterLogEvents(blue, &logs.FilterLogEventsInput{LogGroupName: name, FilterPattern: ptr(`{$.a = 1}`)}); !fault.Is(err, fault.Unsupported) {
		t.Errorf("structured pattern: %v", err)
	}

	// Another account sees none of it.
	if list, err := a.DescribeLogGroups(green, &logs.DescribeLogGroupsInput{}); err != nil || len(list.LogGroups) != 0 {
		t.Errorf("foreign groups: %v, %v", list, err)
	}
	for what, err := range map[string]error{
		"get":    second(a.GetLogEvents(green, &logs.GetLogEventsInput{LogGroupName: name, LogStreamName: ptr("s")})),
		"by ARN": second(a.GetLogEvents(green, &logs.GetLogEventsInput{LogGroupIdentifier: ptr("arn:aws:logs:us-east-1:111111111111:log-group:/aws/lambda/F"), LogStreamName: ptr("s")})),
		"delete": second(a.DeleteLogGroup(green, &logs.DeleteLogGroupInput{LogGroupName: name})),
	} {
		if code(err) != "ResourceNotFoundException" {
			t.Errorf("%s by another account: %v", what, err)
		}
	}

	if _, err := a.DeleteLogGroup(blue, &logs.DeleteLogGroupInput{LogGroupName: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateLogGroup(blue, &logs.CreateLogGroupInput{LogGroupName: name}); err != nil {
		t.Fatal(err)
	}
	if list, err := a.DescribeLogStreams(blue, &logs.DescribeLogStreamsInput{LogGroupName: name}); err != nil || len(list.LogStreams) != 0 {
		t.Errorf("a group made again has the old one's streams: %v, %v", list, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestProtectedGroup(t *testing.T) {
	a := newAPI(t)
	ctx := as(t, "111111111111")
	name := ptr("kept")
	if _, err := a.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: name}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		protected bool
		want      string
	}{{true, "OperationAbortedException"}, {false, "<nil>"}} {
		if _, err := a.PutLogGroupDeletionProtection(ctx, &logs.PutLogGroupDeletionProtectionInput{LogGroupIdentifier: name, DeletionProtectionEnabled: &step.protected}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: name}); code(err) != step.want {
			t.Errorf("protected %t: %v", step.protected, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	a := newAPI(t)
	ctx := as(t, "111111111111")
	if _, err := a.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: ptr("a b")}); code(err) != "InvalidParameterException" {
		t.Errorf("bad name: %v", err)
	}
	if _, err := a.PutRetentionPolicy(ctx, &logs.PutRetentionPolicyInput{LogGroupName: ptr("a"), RetentionInDays: ptr(int32(2))}); code(err) != "InvalidParameterException" {
		t.Errorf("bad retention: %v", err)
	}
	if _, err := a.PutRetentionPolicy(ctx, &logs.PutRetentionPolicyInput{LogGroupName: ptr("a"), RetentionInDays: ptr(int32(7))}); code(err) != "ResourceNotFoundException" {
		t.Errorf("no group: %v", err)
	}
	if _, err := a.DescribeLogGroups(ctx, &logs.DescribeLogGroupsInput{NextToken: ptr("nonsense")}); code(err) != "InvalidParameterException" {
		t.Errorf("bad token: %v", err)
	}
}
