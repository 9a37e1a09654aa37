package problem

// Reason is the stable, machine-readable cause of a problem: what alerts and tests match.
type Reason string

// Documents that can't be read as objects, and objects that can't be told apart.
const (
	Malformed       Reason = "Malformed"       // not YAML or JSON, or not an object
	WrongType       Reason = "WrongType"       // a field holds a value of another type
	UnknownField    Reason = "UnknownField"    // a field that the kind does not have; API servers prune it
	DuplicateObject Reason = "DuplicateObject" // the same kind, namespace and name twice
	DuplicateField  Reason = "DuplicateField"  // the same key twice in one mapping
	UnsupportedKind Reason = "UnsupportedKind" // a version of our kinds that is not served
	OtherNamespace  Reason = "OtherNamespace"  // an object of ours outside the namespace that is read
	NothingToRead   Reason = "NothingToRead"   // a path without any manifest
	UnreadableFile  Reason = "UnreadableFile"  // a file that is there and can't be read
	UnreadObject    Reason = "UnreadObject"    // an object that can't be read, and for which something stays as it was
	TooLarge        Reason = "TooLarge"        // a document or list beyond what is safe to take
	NotServed       Reason = "NotServed"       // a kind that the API server does not serve, or in no version that is known
	Forbidden       Reason = "Forbidden"       // a kind that the API server does not let us read
	UnknownNode     Reason = "UnknownNode"     // the node's own object is gone
)

// Fields.
const (
	Required          Reason = "Required"          // a field that must be set is not
	InvalidValue      Reason = "InvalidValue"      // a value outside its range or form
	MutuallyExclusive Reason = "MutuallyExclusive" // two fields that exclude each other
	DuplicateEntry    Reason = "DuplicateEntry"    // an entry of a list twice
	UnknownAnnotation Reason = "UnknownAnnotation" // an annotation with our prefix that the kind does not have
	NotAllowed        Reason = "NotAllowed"        // a community that a Service asks for and no advertisement lets through
)

// References.
const (
	UnknownPool       Reason = "UnknownPool"
	UnknownPeer       Reason = "UnknownPeer"
	UnknownBFDProfile Reason = "UnknownBFDProfile"
	UnknownSecret     Reason = "UnknownSecret"
	InvalidSecret     Reason = "InvalidSecret"
	UnknownCommunity  Reason = "UnknownCommunity"
	NoPeerOnNode      Reason = "NoPeerOnNode" // a node that no peer selects
)

// Objects that exclude each other.
const (
	ConflictingPeer          Reason = "ConflictingPeer"          // same neighbor identity in one VRF on one node
	ConflictingASN           Reason = "ConflictingASN"           // another myASN in one VRF on one node
	ConflictingRouterID      Reason = "ConflictingRouterID"      // another routerID in one VRF on one node
	ConflictingAdvertisement Reason = "ConflictingAdvertisement" // other local preference, MED or prepending for one prefix and peer
	OverlappingPool          Reason = "OverlappingPool"
	DuplicateAlias           Reason = "DuplicateAlias"   // a community alias that another object defines
	EchoNotSupported         Reason = "EchoNotSupported" // BFD echo on a session that can't have it
)

// GDC's objects, and the cluster that they are for.
const (
	NotDefault         Reason = "NotDefault"         // a name other than default where it must be that
	NotEnabled         Reason = "NotEnabled"         // an object of a feature that the Cluster has not turned on
	NotExternal        Reason = "NotExternal"        // a session within one AS; GDC's are eBGP only
	IPv4Only           Reason = "IPv4Only"           // an IPv6 address where sessions are IPv4 only
	AddressInUse       Reason = "AddressInUse"       // an address that something else has
	NotInAnySubnet     Reason = "NotInAnySubnet"     // a floating IP that lies in no subnet of the nodes
	UnknownSubnets     Reason = "UnknownSubnets"     // nodes whose subnets nobody tells
	UnknownGateway     Reason = "UnknownGateway"     // a NetworkGatewayGroup that is not there
	NothingSelected    Reason = "NothingSelected"    // a selector that matches nothing
	Unassigned         Reason = "Unassigned"         // a floating IP that no node can hold
	NotMoved           Reason = "NotMoved"           // a floating IP that stays where it is, though it should not, for want of a better place
	LeasesLost         Reason = "LeasesLost"         // too many leases expired at once for all their nodes to be dead
	FewerSessions      Reason = "FewerSessions"      // fewer sessions than asked for
	NoRedundancy       Reason = "NoRedundancy"       // one of what there should be two of, so that one may fail
	NoLoadBalancerNode Reason = "NoLoadBalancerNode" // no node that traffic for Services can come to
	NotHealthy         Reason = "NotHealthy"         // a node that can hold no floating IP
	NotHeld            Reason = "NotHeld"            // a floating IP that a node is to hold, and can't
	AddressConflict    Reason = "AddressConflict"    // a floating IP that another host answers for
	NotCopied          Reason = "NotCopied"          // an object that ought to follow the admin cluster, and does not
	NoGlobalAddress    Reason = "NoGlobalAddress"    // a node that is no next hop for a family that it has no address of
)

// Announcements: a Service that ought to be announced and can't be.
const (
	NotInAnyPool   Reason = "NotInAnyPool" // an ingress address outside every pool, or addresses of several pools
	InvalidIngress Reason = "InvalidIngress"
	OutsidePool    Reason = "OutsidePool" // an aggregate that reaches beyond the pool
)

// FRR and its surroundings.
const (
	ExtrasRefused  Reason = "ExtrasRefused"  // bgpextras that FRR's parser refuses
	ExtrasTrespass Reason = "ExtrasTrespass" // bgpextras that redefine or negate lines of ours
	TemplateBroken Reason = "TemplateBroken" // a template overlay that does not parse, execute, or pass FRR's parser
	RefusedByFRR   Reason = "RefusedByFRR"   // a line that FRR refused at the apply
	ResetsHeld     Reason = "ResetsHeld"     // changes that would reset sessions, and wait for somebody to allow them
	RolledBack     Reason = "RolledBack"     // changes that lost sessions, and were taken back
	Drifted        Reason = "Drifted"        // FRR runs something else than was applied, and --drift=report leaves it so
)
