// Package inventory asks an account everything it can be asked to list, so that two moments can be compared. It holds
// no state.
package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// Inventory is what each call answered: its items, or the error it ended in.
type Inventory map[string][]string

// Take asks the account behind an SDK configuration.
func Take(ctx context.Context, config awssdk.Config) (Inventory, error) {
	questions := questions(config)
	type answer struct {
		name  string
		items []string
		err   error
	}
	answers := make(chan answer, len(questions))
	slots := make(chan struct{}, 4)
	var running sync.WaitGroup
	for name, ask := range questions {
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			items, err := listed(ctx, ask)
			answers <- answer{name, items, err}
		})
	}
	running.Wait()
	close(answers)
	all := Inventory{}
	var errs []error
	for a := range answers {
		if a.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.name, a.err))
		}
		all[a.name] = a.items
	}
	return all, errors.Join(errs...)
}

// listed are the items in an order of their own. That an API refuses a question is an answer too.
func listed(ctx context.Context, ask question) ([]string, error) {
	answered, err := ask(ctx)
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return []string{"error " + refusal.ErrorCode()}, nil
	}
	if err != nil {
		return nil, err
	}
	items := []string{}
	for _, item := range answered {
		text, err := json.Marshal(item)
		if err != nil {
			return nil, err
		}
		if !ended(text) {
			items = append(items, string(text))
		}
	}
	slices.Sort(items)
	return items, nil
}

// ended tells of an item that is only the memory of a thing: AWS lists a deleted peering, share or association for an
// hour or two, and keeps the roles its services make for themselves.
func ended(item []byte) bool {
	var thing struct {
		Status json.RawMessage
		Path   string
	}
	if json.Unmarshal(item, &thing) != nil {
		return false
	}
	if strings.HasPrefix(thing.Path, "/aws-service-role/") {
		return true
	}
	var status string
	if json.Unmarshal(thing.Status, &status) != nil {
		var coded struct{ Code string }
		if json.Unmarshal(thing.Status, &coded) != nil {
			return false
		}
		status = coded.Code
	}
	switch status {
	case "deleted", "DELETED", "DISASSOCIATED":
		return true
	}
	return false
}

// Differences says in lines what one inventory has and the other has not.
func Differences(before, after Inventory) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(before)) {
		for _, item := range after[name] {
			if !slices.Contains(before[name], item) {
				lines = append(lines, name+" has now "+item)
			}
		}
		for _, item := range before[name] {
			if !slices.Contains(after[name], item) {
				lines = append(lines, name+" had before "+item)
			}
		}
	}
	return lines
}
