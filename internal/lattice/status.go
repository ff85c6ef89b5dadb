package lattice

import "time"

// Statuses of services, target groups and associations.
const (
	Creating     = "CREATE_IN_PROGRESS"
	Active       = "ACTIVE"
	CreateFailed = "CREATE_FAILED"
	Updating     = "UPDATE_IN_PROGRESS"
	UpdateFailed = "UPDATE_FAILED"
	Deleting     = "DELETE_IN_PROGRESS"
)

// Quotas that an account has in each region.
const (
	MaxNetworks              = 50
	MaxServices              = 2000
	MaxTargetGroups          = 500
	MaxListenersPerService   = 2
	MaxRulesPerListener      = 10 // besides the default rule
	MaxTargetsPerGroup       = 1000
	MaxTargetGroupsOfService = 10
	MaxServicesPerNetwork    = 500
	MaxVPCsPerNetwork        = 500
	MaxAuthPolicyBytes       = 10 << 10
	MaxGatewaysPerVPC        = 100
	MaxConfigurations        = 2000
	MaxResourcesPerNetwork   = 500
	MaxEndpointsPerNetwork   = 200
)

// Idle timeouts of a service's connections, in seconds.
const (
	DefaultIdleTimeout = 60
	MaxIdleTimeout     = 600
)

// Realisation is what hosts say of a resource.
type Realisation struct {
	// Created and Modified say whether every host has applied the resource as it was made, and as it last became.
	Created, Modified bool
	// Failure is why it could not be made real, where that is so.
	Failure string
}

// Status returns the status of a resource that is made once and never updated.
func (m *Meta) Status(r Realisation) string {
	switch {
	case m.Deleting:
		return Deleting
	case !r.Created:
		return Creating
	case r.Failure != "":
		return CreateFailed
	}
	return Active
}

// changing is Status of a resource that can be updated: updating says that it was, and that no later change saw that realised.
func (m *Meta) changing(r Realisation, updating bool) string {
	status := m.Status(r)
	if !updating || m.Deleting || !r.Created {
		return status
	}
	switch {
	case !r.Modified:
		return Updating
	case r.Failure != "":
		return UpdateFailed
	}
	return Active
}

// Status returns the association's status.
func (a *NetworkVPC) Status(r Realisation) string { return a.Meta.changing(r, a.Updating) }

// Statuses of targets.
const (
	Initial     = "INITIAL"
	Healthy     = "HEALTHY"
	Unhealthy   = "UNHEALTHY"
	Unavailable = "UNAVAILABLE"
	Unused      = "UNUSED"
	Draining    = "DRAINING"
)

// DrainPeriod is how long a deregistered target may finish the requests it has.
const DrainPeriod = time.Minute
