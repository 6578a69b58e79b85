// SPDX-License-Identifier: Apache-2.0
//
// Secrets of TLS sessions, in the form in which browsers and libraries log them (the
// NSS key log, RFC 9850).
//
// Reads   lines `LABEL random secret`, all hexadecimal; a file that may still grow.
// Writes  the secrets of a session, by the client's random.
// Leaves  keys (TLSDecryption.swift).

import Records
import Synchronization
import Wire

/// The client's random, which names a session.
struct KeyLogRandom: Hashable, Sendable {
    private var words: [4 of UInt64]

    /// Nil for anything but 32 octets.
    init?(_ octets: RawSpan) {
        guard octets.byteCount == 32 else { return nil }
        words = [0, 0, 0, 0]
        for index in 0..<4 { words[index] = octets.load(8 &* index, as: UInt64.self) }
    }

    static func == (left: KeyLogRandom, right: KeyLogRandom) -> Bool {
        left.words[0] == right.words[0] && left.words[1] == right.words[1] && left.words[2] == right.words[2]
            && left.words[3] == right.words[3]
    }

    func hash(into hasher: inout Hasher) {
        // It is random already.
        hasher.combine(words[0])
    }
}

/// What a key log says of one session.
struct KeyLogSecrets: Sendable {
    /// TLS 1.2 and before: the master secret.
    var master: [UInt8] = []
    /// TLS 1.3: the secrets of the handshake, and of what follows it; the client's, then the server's.
    var handshake: (client: [UInt8], server: [UInt8]) = ([], [])
    var application: (client: [UInt8], server: [UInt8]) = ([], [])
}

/// All secrets that are known. Shared by the workers; looked at once for each session.
package final class KeyLog: Sendable {
    /// Sessions that are kept. Some 300 octets each.
    package static let sessionsMax = 1 << 20
    /// Octets of a line; none is longer than 200.
    private static let lineBytesMax = 1024

    private struct State {
        var sessions: [KeyLogRandom: KeyLogSecrets] = [:]
        /// Lines of sessions for which there was no room.
        var refused: UInt64 = 0
        /// A line that has not come whole.
        var rest: [UInt8] = []
    }

    private let sessionsMax: Int
    private let state = Mutex(State())
    /// Gives what the file has got since the last call.
    private let more: @Sendable () -> [UInt8]

    package init(sessionsMax: Int = KeyLog.sessionsMax, more: @escaping @Sendable () -> [UInt8]) {
        self.sessionsMax = sessionsMax
        self.more = more
    }

    /// Sessions that have a secret.
    package var count: Int { state.withLock { $0.sessions.count } }

    /// Lines that were left out because there are too many sessions.
    package var refused: UInt64 { state.withLock { $0.refused } }

    /// The secrets of a session. What is not known may have been written meanwhile.
    func find(_ random: KeyLogRandom) -> KeyLogSecrets? {
        state.withLock { state in
            if let known = state.sessions[random] { return known }
            let fresh = more()
            guard !fresh.isEmpty else { return nil }
            read(fresh, into: &state)
            return state.sessions[random]
        }
    }

    private func read(_ fresh: [UInt8], into state: inout State) {
        state.rest += fresh
        var start = 0
        while let end = state.rest[start...].firstIndex(of: 0x0A) {
            let line = state.rest[start..<end]
            read(line: line, into: &state)
            start = end &+ 1
        }
        state.rest.removeFirst(start)
        if state.rest.count > KeyLog.lineBytesMax { state.rest.removeAll() }
    }

    /// Lines that say something else are passed over, as comments are.
    private func read(line: ArraySlice<UInt8>, into state: inout State) {
        let words = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x0D })
        guard words.count == 3, let random = KeyLog.decode(words[1]), let secret = KeyLog.decode(words[2]),
            let session = KeyLogRandom(random.octets), (32...64).contains(secret.count)
        else { return }
        guard state.sessions[session] != nil || state.sessions.count < sessionsMax else {
            state.refused &+= 1
            return
        }
        var all = state.sessions[session] ?? KeyLogSecrets()
        switch Array(words[0]) {
        case Array("CLIENT_RANDOM".utf8): all.master = secret
        case Array("CLIENT_HANDSHAKE_TRAFFIC_SECRET".utf8): all.handshake.client = secret
        case Array("SERVER_HANDSHAKE_TRAFFIC_SECRET".utf8): all.handshake.server = secret
        case Array("CLIENT_TRAFFIC_SECRET_0".utf8): all.application.client = secret
        case Array("SERVER_TRAFFIC_SECRET_0".utf8): all.application.server = secret
        default: return
        }
        state.sessions[session] = all
    }

    private static func decode(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        guard digits.count % 2 == 0, digits.count <= 128 else { return nil }
        var octets: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            guard let value = HTTPOctets.hexadecimal(digit) else { return nil }
            if let first = high {
                octets.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return octets
    }
}
