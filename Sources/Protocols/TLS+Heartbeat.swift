// SPDX-License-Identifier: Apache-2.0
//
// Heartbeats of TLS (RFC 6520), which CVE-2014-0160 answered with the server's memory.
//
// Reads   records of type 24, in the clear and sealed.
// Writes  events of what is wrong with them.
// Leaves  sealed ones of sessions whose server did not agree to heartbeats, and all where no rule asks for events.

import Records
import Wire

/// Heartbeats of one connection that can no longer be read, but whose sizes tell.
struct TLSHeartbeat {
    /// The server's hello has the extension, and some rule asks for events: records are followed to the end.
    var isFollowed = false
    /// Who has asked, and octets of the sealed request; nobody has where it is nil.
    var asked: (direction: Direction, count: Int)?
}

extension TLS {
    /// A heartbeat in the clear (section 4): a type, the length of a payload, the payload, 16 octets.
    func showHeartbeat(_ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard body.byteCount >= 3, (1...2).contains(body.octet(0)) else {
            return showAnomaly("tls.invalid_heartbeat_message", from: direction, &context)
        }
        showAnomaly("tls.heartbeat_message", from: direction, &context)
        guard Int(body.load16(1)) &+ 19 > body.byteCount else { return }
        showAnomaly("tls.overflow_heartbeat_message", from: direction, &context)
    }

    /// A sealed one: an answer repeats what was asked, so that a longer one has more than that.
    func showSealedHeartbeat(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let asked = heartbeat.asked else { return heartbeat.asked = (direction, count) }
        guard asked.direction != direction else {
            return showAnomaly("tls.invalid_heartbeat_message", from: direction, &context)
        }
        heartbeat.asked = nil
        if count > asked.count { showAnomaly("tls.dataleak_heartbeat_mismatch", from: direction, &context) }
    }
}
