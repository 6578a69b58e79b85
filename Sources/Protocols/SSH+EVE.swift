// SPDX-License-Identifier: Apache-2.0
//
// The event `ssh`: one for each connection, when both sides have made their offers.
//
// Reads   version lines and offers of the key exchange (RFC 4253 sections 4.2 and 7.1).
// Writes  the object `ssh`: versions, software, HASSH.
// Leaves  ssh.log (SSH.swift).

import Files
import Records
import Wire

/// What one side says of itself.
struct SSHEventSide {
    var version: [UInt8] = []
    var software: [UInt8] = []
    var hassh: [UInt8] = []
    var hasshString: [UInt8] = []

    mutating func clear() {
        version.removeAll(keepingCapacity: true)
        software.removeAll(keepingCapacity: true)
        hassh.removeAll(keepingCapacity: true)
        hasshString.removeAll(keepingCapacity: true)
    }

    /// `SSH-2.0-OpenSSH_9.6 comment`.
    mutating func note(_ line: RawSpan) {
        guard line.byteCount > 4 else { return }
        let dash = line.firstIndex(of: 0x2D, from: 4) ?? line.byteCount
        line.extracting(4..<dash).append(to: &version)
        guard dash < line.byteCount else { return }
        let end = line.firstIndex(of: 0x20, from: dash) ?? line.byteCount
        line.extracting(dash &+ 1..<end).append(to: &software)
    }

    func write(_ key: StaticString, to event: inout EVEBuilder) {
        guard !version.isEmpty else { return }
        event.open(key)
        event.text("proto_version", version[...])
        if !software.isEmpty { event.text("software_version", software[...]) }
        if !hassh.isEmpty {
            event.open("hassh")
            event.text("hash", hassh[...])
            event.text("string", hasshString[...])
            event.close()
        }
        event.close()
    }
}

/// The event of one connection.
struct SSHEvent {
    var client = SSHEventSide()
    var server = SSHEventSide()
    var isWritten = false

    mutating func clear() {
        client.clear()
        server.clear()
        isWritten = false
    }

    var isComplete: Bool { !client.hassh.isEmpty && !server.hassh.isEmpty }
    var isEmpty: Bool { client.version.isEmpty && server.version.isEmpty }

    func write(to event: inout EVEBuilder) {
        event.open("ssh")
        client.write("client", to: &event)
        server.write("server", to: &event)
        event.close()
    }
}

extension SSH {
    func noteVersion(_ line: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard context.wantsEvents else { return }
        if direction == .originator { event.client.note(line) } else { event.server.note(line) }
    }

    func noteOffer(_ payload: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let offer = SSH.hassh(payload, from: direction) else { return }
        if direction == .originator {
            if record.hassh.isAbsent { record.hassh = record.text.add(offer.hash) }
        } else if record.serverHASSH.isAbsent {
            record.serverHASSH = record.text.add(offer.hash)
        }
        guard context.wantsEvents else { return }
        if direction == .originator {
            (event.client.hassh, event.client.hasshString) = (offer.hash, offer.string)
        } else {
            (event.server.hassh, event.server.hasshString) = (offer.hash, offer.string)
        }
        if event.isComplete { writeEvent(&context) }
    }

    func writeEvent(_ context: inout AnalyzerContext) {
        guard context.wantsEvents, !event.isWritten, !event.isEmpty else { return }
        event.isWritten = true
        context.beginEvent("ssh", from: .originator, tx: 0)
        event.write(to: &context.event)
        context.endEvent()
    }
}
