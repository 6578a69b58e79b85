// SPDX-License-Identifier: Apache-2.0
//
// How often an anomaly is logged, over all connections.
//
// Reads   rows of the anomaly log in order.
// Writes  a yes or no for each.
// Leaves  what an anomaly is.

import Records

/// Repeats and floods: one row a name and connection in ten minutes (what belongs to none counts as one
/// connection); one a day for a connection, for an originator, or at all, where the name says so; and of
/// one name 25 in ten minutes, then one of a thousand (Zeek's base/frameworks/notice/weird.zeek and
/// `Weird::sampling_threshold`, `sampling_rate`, `sampling_duration`).
struct WeirdSampler {
    private static let window: Int64 = 600 * second
    private static let day: Int64 = 86_400 * second
    private static let threshold: UInt64 = 25
    private static let rate: UInt64 = 1000
    /// Identities remembered at once; beyond, the memory starts anew.
    private static let identitiesMax = 100_000

    private struct Identity: Hashable {
        var weird: Weird
        var originator: Address
        var responder: Address
        var ports: UInt32
    }

    private var seen: [Identity: Timestamp] = [:]
    private var sampled: [Weird: (since: Timestamp, count: UInt64)] = [:]
    /// Rows left out by sampling.
    private(set) var suppressed: UInt64 = 0
    /// Identities that went to make room.
    private(set) var forgotten: UInt64 = 0

    mutating func admits(_ weird: Weird, _ id: ConnectionID?, at time: Timestamp) -> Bool {
        guard weird.action != .never else { return false }
        guard isNew(weird, id, time) else { return false }
        guard isSampled(weird, time) else {
            suppressed &+= 1
            return false
        }
        return true
    }

    private mutating func isNew(_ weird: Weird, _ id: ConnectionID?, _ time: Timestamp) -> Bool {
        var identity = Identity(
            weird: weird, originator: Address(v4: 0), responder: Address(v4: 0), ports: 0)
        let action = weird.action
        if let id, action != .once {
            identity.originator = id.originator
            if action != .perOriginator {
                identity.responder = id.responder
                identity.ports = UInt32(id.originatorPort) << 16 | UInt32(id.responderPort)
            }
        }
        let window = action == .always ? WeirdSampler.window : WeirdSampler.day
        if let last = seen[identity], time.since(last) < window { return false }
        if seen.count >= WeirdSampler.identitiesMax {
            forgotten &+= UInt64(seen.count)
            seen.removeAll(keepingCapacity: true)
        }
        seen[identity] = time
        return true
    }

    private mutating func isSampled(_ weird: Weird, _ time: Timestamp) -> Bool {
        var state = sampled[weird] ?? (time, 0)
        if time.since(state.since) >= WeirdSampler.window { state = (time, 0) }
        state.count &+= 1
        sampled[weird] = state
        return state.count <= WeirdSampler.threshold || (state.count - WeirdSampler.threshold) % WeirdSampler.rate == 0
    }
}
