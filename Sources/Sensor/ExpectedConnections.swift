// SPDX-License-Identifier: Apache-2.0
//
// Connections that others have announced: data of FTP, files of DCC and TFTP.
//
// Reads   announcements of analyzers; new connections.
// Writes  which analyzer a new connection begins with, and who has announced it.
// Leaves  what is then read (Protocols/DataConnection.swift and others).

import Protocols
import Records
import Synchronization

/// The announcements that one worker has heard of.
struct ExpectedConnections {
    /// How long a connection is awaited, as in Zeek's scripts.
    static let patience = 300 * second
    /// Announcements at once; beyond, those are forgotten whose time has passed, then all.
    static let countMax = 65_536

    struct Key: Hashable {
        /// Nil for whoever it may be.
        var originator: Address?
        var responder: Address
        var port: UInt16
        var transport: Transport
    }

    struct Entry {
        var kind: AnalyzerKind
        var announcer: UID
        var until: Timestamp
    }

    private var entries: [Key: Entry] = [:]
    /// A bit for each port that somebody has announced: almost every new connection goes to another one, and needs
    /// no look at the table.
    private var ports: [UInt64] = []
    /// So many announcements are a reason to look for those whose time has passed.
    private var sweepCount = ExpectedConnections.sweepCountMin
    private static let sweepCountMin = 64

    var isEmpty: Bool { entries.isEmpty }

    /// Answers how many announcements went to make room.
    @discardableResult
    mutating func add(_ expectation: Announcement, at now: Timestamp) -> Int {
        guard let kind = AnalyzerKind(rawValue: expectation.analyzer) else { return 0 }
        let forgotten = entries.count >= sweepCount ? sweep(now) : 0
        entries[ExpectedConnections.key(expectation)] = Entry(
            kind: kind, announcer: expectation.announcer, until: now.adding(ExpectedConnections.patience))
        mark(expectation.port)
        return forgotten
    }

    private mutating func sweep(_ now: Timestamp) -> Int {
        entries = entries.filter { $0.value.until > now }
        let waiting = entries.count
        if waiting >= ExpectedConnections.countMax { entries.removeAll(keepingCapacity: true) }
        sweepCount = min(max(entries.count &* 2, ExpectedConnections.sweepCountMin), ExpectedConnections.countMax)
        ports.removeAll(keepingCapacity: true)
        for key in entries.keys { mark(key.port) }
        return waiting &- entries.count
    }

    private mutating func mark(_ port: UInt16) {
        if ports.isEmpty { ports = [UInt64](repeating: 0, count: 1024) }
        ports[Int(port >> 6)] |= 1 << UInt64(port & 63)
    }

    /// What a new connection begins with, if it was announced.
    func find(_ id: ConnectionID, at now: Timestamp) -> Entry? {
        let port = id.responderPort
        guard !entries.isEmpty, ports[Int(port >> 6)] & (1 << UInt64(port & 63)) != 0 else { return nil }
        var key = ExpectedConnections.key(id)
        if let entry = entries[key], entry.until >= now { return entry }
        key.originator = nil
        if let entry = entries[key], entry.until >= now { return entry }
        return nil
    }

    /// An announced connection is over: the next one of these ends needs a word of its own.
    mutating func forget(_ id: ConnectionID) {
        var key = ExpectedConnections.key(id)
        entries[key] = nil
        key.originator = nil
        entries[key] = nil
    }

    private static func key(_ expectation: Announcement) -> Key {
        Key(
            originator: expectation.originator, responder: expectation.responder, port: expectation.port,
            transport: expectation.transport)
    }

    private static func key(_ id: ConnectionID) -> Key {
        Key(originator: id.originator, responder: id.responder, port: id.responderPort, transport: id.transport)
    }
}

/// Announcements of connections that another worker may get: those to third addresses. Looked at
/// only when a connection is new, and not locked while there is none.
final class SharedExpectations: Sendable {
    private let expected = Mutex(ExpectedConnections())
    private let count = Atomic<Int>(0)

    @discardableResult
    func add(_ expectation: Announcement, at now: Timestamp) -> Int {
        expected.withLock {
            let forgotten = $0.add(expectation, at: now)
            count.store($0.isEmpty ? 0 : 1, ordering: .relaxed)
            return forgotten
        }
    }

    func find(_ id: ConnectionID, at now: Timestamp) -> ExpectedConnections.Entry? {
        guard count.load(ordering: .relaxed) > 0 else { return nil }
        return expected.withLock { $0.find(id, at: now) }
    }

    func forget(_ id: ConnectionID) {
        guard count.load(ordering: .relaxed) > 0 else { return }
        expected.withLock {
            $0.forget(id)
            count.store($0.isEmpty ? 0 : 1, ordering: .relaxed)
        }
    }
}
