package main

import (
	"log/slog"
	"testing"
	"time"

	"trellis/internal/journal"
	"trellis/internal/lattice"
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
	log.Write(network, service, time.Now(), []byte("record"))
	for id, want := range map[string]int{"als-network": 1, "als-resources": 0, "als-service": 1, "als-other": 0} {
		events, _ := j.Read(group, "VPCLattice/"+id, 0, time.Now().Add(time.Hour).UnixMilli())
		if len(events) != want {
			t.Errorf("%s has %d records, want %d", id, len(events), want)
		}
	}
}
