package logs

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"trellis/internal/api/page"
	"trellis/internal/aws/model/logs"
	"trellis/internal/fault"
	"trellis/internal/journal"
	domain "trellis/internal/logs"
)

// Limits of PutLogEvents, by the API reference.
const (
	maxBatchBytes = 1 << 20
	maxOld        = 14 * 24 * time.Hour
	maxAhead      = 2 * time.Hour
	maxSpan       = 24 * time.Hour
	eventOverhead = 26
)

// CreateLogStream makes an empty stream.
func (a *API) CreateLogStream(ctx context.Context, in *logs.CreateLogStreamInput) (*logs.CreateLogStreamOutput, error) {
	g, err := find(ctx, a.view.Snapshot(), in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(deref(in.LogStreamName), ":*") {
		return nil, invalid("Log stream names may not have ':' or '*'.")
	}
	return &logs.CreateLogStreamOutput{}, streamFault(a.journal.Create(g.ID, deref(in.LogStreamName), time.Now().UnixMilli()))
}

// DeleteLogStream removes a stream with its events.
func (a *API) DeleteLogStream(ctx context.Context, in *logs.DeleteLogStreamInput) (*logs.DeleteLogStreamOutput, error) {
	g, err := find(ctx, a.view.Snapshot(), in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return &logs.DeleteLogStreamOutput{}, streamFault(a.journal.DeleteStream(g.ID, deref(in.LogStreamName)))
}

// DescribeLogStreams lists the streams of a group by name or by the time of the last event.
func (a *API) DescribeLogStreams(ctx context.Context, in *logs.DescribeLogStreamsInput) (*logs.DescribeLogStreamsOutput, error) {
	g, err := find(ctx, a.view.Snapshot(), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := deref(in.OrderBy) == "LastEventTime"
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	streams, err := a.journal.Streams(g.ID)
	if err != nil {
		return nil, err
	}
	streams = slices.DeleteFunc(streams, func(s journal.Stream) bool { return !strings.HasPrefix(s.Name, deref(in.LogStreamNamePrefix)) })
	key := func(s journal.Stream) string { return s.Name }
	if byTime {
		key = func(s journal.Stream) string { return fmt.Sprintf("%020d/%s", s.Last, s.Name) }
	}
	slices.SortFunc(streams, func(a, b journal.Stream) int { return cmp.Compare(key(a), key(b)) })
	if deref(in.Descending) {
		slices.Reverse(streams)
	}
	// Positions, not names, so that the order may run either way.
	type at struct {
		journal.Stream
		pos string
	}
	positioned := func(yield func(at) bool) {
		for i, s := range streams {
			if !yield(at{s, fmt.Sprintf("%08d", i)}) {
				return
			}
		}
	}
	got, next, err := page.Cut(positioned, func(s at) string { return s.pos }, limit(in.Limit, 50), deref(in.NextToken), "InvalidParameterException")
	if err != nil {
		return nil, err
	}
	out := &logs.DescribeLogStreamsOutput{LogStreams: []logs.LogStream{}, NextToken: optional(next)}
	for _, s := range got {
		out.LogStreams = append(out.LogStreams, logs.LogStream{LogStreamName: &s.Name, CreationTime: &s.Created, FirstEventTimestamp: optional(s.First),
			LastEventTimestamp: optional(s.Last), LastIngestionTime: optional(s.LastWritten), UploadSequenceToken: ptr("0"),
			Arn: ptr(g.ARN() + ":log-stream:" + s.Name), StoredBytes: ptr(int64(0))})
	}
	return out, nil
}

// PutLogEvents adds events to a stream. Events that are too old or too new are left out and told of.
func (a *API) PutLogEvents(ctx context.Context, in *logs.PutLogEventsInput) (*logs.PutLogEventsOutput, error) {
	g, err := find(ctx, a.view.Snapshot(), in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	size := 0
	var events []journal.Event
	rejected := &logs.RejectedLogEventsInfo{}
	oldest := max(now.Add(-maxOld).UnixMilli(), 0)
	var last int64
	for i, e := range in.LogEvents {
		when := deref(e.Timestamp)
		size += len(deref(e.Message)) + eventOverhead
		if when < last {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		last = when
		switch {
		case when < g.Oldest(now):
			rejected.ExpiredLogEventEndIndex = ptr(int32(i + 1))
		case when < oldest:
			rejected.TooOldLogEventEndIndex = ptr(int32(i + 1))
		case when > now.Add(maxAhead).UnixMilli():
			if rejected.TooNewLogEventStartIndex == nil {
				rejected.TooNewLogEventStartIndex = ptr(int32(i))
			}
		default:
			events = append(events, journal.Event{Time: when, Ingested: now.UnixMilli(), Message: deref(e.Message)})
		}
	}
	if size > maxBatchBytes {
		return nil, invalid("Upload too large: %d bytes exceeds limit of %d.", size, maxBatchBytes)
	}
	if n := len(events); n > 0 && events[n-1].Time-events[0].Time > maxSpan.Milliseconds() {
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	if err := a.journal.Append(g.ID, deref(in.LogStreamName), events); err != nil {
		return nil, streamFault(err)
	}
	out := &logs.PutLogEventsOutput{NextSequenceToken: ptr("0")}
	if *rejected != (logs.RejectedLogEventsInfo{}) {
		out.RejectedLogEventsInfo = rejected
	}
	return out, nil
}

func span(g *domain.Group, from, to *int64) (int64, int64) {
	end := int64(math.MaxInt64)
	if to != nil {
		end = *to
	}
	return max(deref(from), g.Oldest(time.Now())), end
}

// GetLogEvents returns the events of one stream. Its tokens name positions, f/N forward and b/N backward from event N; the
// end is where the same token comes back, as on AWS.
func (a *API) GetLogEvents(ctx context.Context, in *logs.GetLogEventsInput) (*logs.GetLogEventsOutput, error) {
	g, err := find(ctx, a.view.Snapshot(), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	from, to := span(g, in.StartTime, in.EndTime)
	events, err := a.journal.Read(g.ID, deref(in.LogStreamName), from, to)
	if err != nil {
		return nil, streamFault(err)
	}
	n := limit(in.Limit, 10_000)
	var start, end int
	switch token := deref(in.NextToken); {
	case token == "" && deref(in.StartFromHead):
		start, end = 0, min(n, len(events))
	case token == "":
		start, end = max(0, len(events)-n), len(events)
	default:
		way, pos, err := readPosition(token)
		if err != nil {
			return nil, err
		}
		pos = min(pos, len(events))
		if way == "f" {
			start, end = pos, min(pos+n, len(events))
		} else {
			start, end = max(0, pos-n), pos
		}
	}
	out := &logs.GetLogEventsOutput{Events: []logs.OutputLogEvent{}, NextForwardToken: ptr("f/" + strconv.Itoa(end)), NextBackwardToken: ptr("b/" + strconv.Itoa(start))}
	for _, e := range events[start:end] {
		out.Events = append(out.Events, logs.OutputLogEvent{Timestamp: &e.Time, Message: &e.Message, IngestionTime: &e.Ingested})
	}
	return out, nil
}

func readPosition(token string) (way string, pos int, err error) {
	way, num, _ := strings.Cut(token, "/")
	pos, err = strconv.Atoi(num)
	if err != nil || pos < 0 || way != "f" && way != "b" {
		return "", 0, fault.New(fault.Invalid, "InvalidParameterException", "The specified nextToken is invalid.")
	}
	return way, pos, nil
}

// FilterLogEvents returns the events of a group whose message satisfies the pattern, over all or some streams, by time.
func (a *API) FilterLogEvents(ctx context.Context, in *logs.FilterLogEventsInput) (*logs.FilterLogEventsOutput, error) {
	g, err := find(ctx, a.view.Snapshot(), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if domain.Structured(deref(in.FilterPattern)) {
		return nil, fault.New(fault.Unsupported, "InvalidParameterException", "Filter patterns for JSON, for fields and with regular expressions are not built: use terms.")
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, invalid("logStreamNames and logStreamNamePrefix cannot both be given.")
	}
	streams, err := a.journal.Streams(g.ID)
	if err != nil {
		return nil, err
	}
	from, to := span(g, in.StartTime, in.EndTime)
	var found []filtered
	for _, s := range streams {
		if len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, s.Name) || !strings.HasPrefix(s.Name, deref(in.LogStreamNamePrefix)) {
			continue
		}
		events, err := a.journal.Read(g.ID, s.Name, from, to)
		if err != nil {
			return nil, streamFault(err)
		}
		for i, e := range events {
			if domain.Match(deref(in.FilterPattern), e.Message) {
				found = append(found, filtered{e, s.Name, fmt.Sprintf("%020d/%s/%08d", e.Time, s.Name, i)})
			}
		}
	}
	slices.SortFunc(found, func(a, b filtered) int { return cmp.Compare(a.key, b.key) })
	got, next, err := page.Cut(slices.Values(found), func(f filtered) string { return f.key }, limit(in.Limit, 10_000), deref(in.NextToken), "InvalidParameterException")
	if err != nil {
		return nil, err
	}
	out := &logs.FilterLogEventsOutput{Events: []logs.FilteredLogEvent{}, SearchedLogStreams: []logs.SearchedLogStream{}, NextToken: optional(next)}
	for _, f := range got {
		out.Events = append(out.Events, logs.FilteredLogEvent{LogStreamName: &f.stream, Timestamp: &f.Time, Message: &f.Message, IngestionTime: &f.Ingested,
			EventId: ptr(base64.RawURLEncoding.EncodeToString([]byte(f.key)))})
	}
	return out, nil
}

type filtered struct {
	journal.Event
	stream, key string
}
