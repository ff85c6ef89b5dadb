package vpc

// Quotas that AWS gives a new account, per region unless said otherwise.
const (
	MaxVPCs              = 5
	MaxBlocksPerVPC      = 5
	MaxSubnetsPerVPC     = 200
	MaxRouteTablesPerVPC = 200
	MaxRoutesPerTable    = 500
	MaxInternetGateways  = 5
	MaxGroups            = 2500
	MaxRulesPerGroup     = 60 // in each direction, for IPv4 and IPv6 alike
	MaxGroupsPerENI      = 5
	MaxInterfaces        = 5000
	MaxActivePeerings    = 50 // of one VPC
	MaxACLsPerVPC        = 200
	MaxEntriesPerACL     = 20 // in each direction
	MaxPendingPeerings   = 25
	MaxEndpointsPerVPC   = 50
)
