package main

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"trellis/internal/journal"
	"trellis/internal/lattice"
	"trellis/internal/proxy/server"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func TestAccessRecordsGoToSubscriptionsOfServices(t *testing.T) {
	owner := vpc.Owner{Account: "111111111111", Region: "us-east-1"}
	network := "arn:aws:vpc-lattice:us-east-1:111111111111:servicenetwork/sn-0123456789abcdefg"
	service := "arn:aws:vpc-lattice:us-east-1:111111111111:service/svc-0123456789abcdefg"
	var group string
	view := openView(t, func(tx *state.Tx) {
		g := state.EnsureLogGroup(tx, owner, "/requests", time.Now())
		group = g.ID
		for id, sub := range map[string]lattice.LogSubscription{
			"als-network":   {Resource: "sn-0123456789abcdefg", LogType: lattice.LogsOfServices},
			"als-resources": {Resource: "sn-0123456789abcdefg", LogType: lattice.LogsOfResources},
			"als-service":   {Resource: "svc-0123456789abcdefg"},
			"als-other":     {Resource: "svc-0000000000abcdefg"},
		} {
			sub.Meta = lattice.Meta{Owner: owner, ID: id}
			sub.Destination = g.ARN() + ":*"
			state.LogSubscriptions.Put(tx, &sub)
		}
	})
	j, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := &accessLog{view: view, journal: j, log: slog.New(slog.DiscardHandler)}
	at := time.Now()
	log.Write([]server.AccessRecord{
		{Network: network, Service: service, Time: at, JSON: "first"},
		{Network: network, Time: at, JSON: "of no service"},
		{Service: service, Time: at, JSON: "of no network"},
		{Network: network, Service: service, Time: at, JSON: "last"},
	})
	for id, want := range map[string][]string{
		"als-network": {"first", "of no service", "last"}, "als-resources": nil, "als-service": {"first", "of no network", "last"}, "als-other": nil,
	} {
		events, _ := j.Read(group, "VPCLattice/"+id, 0, at.Add(time.Hour).UnixMilli())
		if !slices.EqualFunc(events, want, func(e journal.Event, m string) bool { return e.Message == m }) {
			t.Errorf("%s has %v, want %v", id, events, want)
		}
	}
	if err := view.Update(t.Context(), func(tx *state.Tx) error {
		state.LogGroups.Delete(tx, state.LogGroupKey(owner, "/requests"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	log.Write([]server.AccessRecord{{Network: network, Service: service, Time: at, JSON: "to nobody"}, {Network: network, Time: at, JSON: "to nobody"}})
	if lost := log.lost.Load(); lost != 3 {
		t.Errorf("%d records were lost without their group, want 3", lost)
	}
}
