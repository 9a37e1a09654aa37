// Package vtyshtest is an FRR for tests without FRR: daemons that listen on sockets as FRR's do, keep a configuration by FRR's rules (blocks, what
// is refused, transactions of filters) and fail on demand; and the contract that every vtysh.Client keeps, over the fake as over FRR. It
// knows the lines that tests need, and shares no code with what it is to test.
package vtyshtest
