package frrconf

// BFDProfile is a named set of BFD timers (RFC 5880). A zero value is FRR's default, which FRR does not print: a value equal to it must be
// left zero, or the configuration would never compare equal.
type BFDProfile struct {
	Name             Name
	DetectMultiplier uint32 // packets in a row, 2 to 255; default 3
	TransmitInterval uint32 // ms, 10 to 60000; default 300
	ReceiveInterval  uint32 // ms, 10 to 60000; default 300
	PassiveMode      bool
	EchoMode         bool
	EchoTransmit     uint32 // ms, 10 to 60000; default 50
	EchoReceive      uint32 // ms, 10 to 60000; default 50
	MinimumTTL       uint32 // 1 to 254; default 254
}

// FRR's defaults (FRR documentation, "BFD", profile configuration).
const (
	DefaultDetectMultiplier = 3
	DefaultInterval         = 300
	DefaultEchoInterval     = 50
	DefaultMinimumTTL       = 254
)
