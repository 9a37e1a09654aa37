// Package floating is what a node does to hold the floating IPs that it is told to hold. In come a Word (what is wanted, our lease, bgpd, subnets) and
// what the LAN says; out go effects on the Host, and Facts. Run is one loop: look at the host, settle each address, tell, wait. It must not know
// Kubernetes, FRR, or who decides which node holds what.
//
// The rules:
//
//   - Nothing is put on the host without a question on the LAN just before that nobody answers. An address that another host answers for is not taken,
//     and tried again after 0.1 to 1 s. Of two nodes that ask at once the one with the lower MAC address goes first.
//   - What is on the host stays, unless the API server says otherwise, another host has it (below), or bgpd has given no answer or the LAN has been down
//     for Patience. So nothing changes while the API server is away, or when the agent starts anew.
//   - It is put on and refreshed only while bgpd answers, so it goes by itself, within the lifetime, where agent and bgpd stay away.
//   - What is not wanted any more is taken off at once, and told then.
//   - Two hosts that answer for one address see each other within half a second (Watch), and tell each other: who is confirmed announces it to all, who is not
//     tells the other alone, and draws no router to itself. Then each asks once more and gives way if the other is still there: after 0.2 s when nobody has
//     confirmed its orders lately (no live lease, or just started) and its MAC address is the higher one; after 0.5 s when it is the lower one; after 1 s when it is confirmed and the higher one; never when it is confirmed and the lower one. So the confirmed one stays, and of
//     two equals the one with the lower MAC address. Who stays announces again when the other is gone, and each second until then.
//   - Who gave way while not confirmed leaves the address alone until it is: its orders are older than the other's.
//
// Wiring it into an agent needs:
//
//   - hostnet.Open, New, one Run; Tell whenever something changed, and once a second.
//   - Word.Told and Wanted: from status.floatingIPs of all NetworkGatewayGroups at the first list and each change; the addresses whose value is our node. An API
//     server that goes away changes neither.
//   - Word.LeaseUntil: the moment before the request that renewed our lease, and its duration. Once it has run out, zero until Wanted was listed anew after the
//     next renewal (a watch that goes on by itself is no proof that it is up to date). The first renewal after a start comes after the first
//     NetworkGatewayNode was written from Facts: what it said before a crash would count otherwise.
//   - Word.BGPDAnswered: bgpd's vty asked each second, with a timeout, by a connection of its own, so that a long apply does not look like a dead bgpd.
//   - Word.Subnets: hostnet's FollowSubnets. To NetworkGatewayNode go those that are Up, or have not been down for longer than Patience: a node whose LAN is down
//     should not be chosen.
//   - Report to NetworkGatewayNode, beside the loop, latest wins: Probing, Held and Conflict as they are; Yielded with a MAC is Conflict; other Yielded ones and
//     Refused are left out of status.floatingIPs, and their Reason is a condition, as is that of a Held one. Unwell is status.state NotHealthy.
//   - Sessions: the view of a floating IP is rendered while it is Held, so a peer is not called from an address that is not here.
//   - The rights NET_ADMIN and NET_RAW, the host's network, and one Holder a node.
package floating
