// SPDX-License-Identifier: Apache-2.0
//
// SSH as signatures see it: version lines, and the HASSH of each offer.
//
// Reads   version lines and offers of the key exchange (RFC 4253 sections 4.2 and 7.1).
// Writes  exposures of the connection's one transaction.
// Leaves  ssh.log (SSH.swift).

import Files
import Records
import Wire

extension SSH {
    private func begin(_ context: inout AnalyzerContext) -> UInt64 {
        if let transaction { return transaction }
        let new = context.beginTransaction(.ssh)
        transaction = new
        return new
    }

    /// Something of the talk was not as it should be.
    func show(_ event: StaticString, from direction: Direction, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        context.transactionEvent(event, tx: begin(&context), from: direction)
    }

    /// Lets the connection go, and says why.
    func refuse(
        _ side: inout SSHSide, _ event: StaticString, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        show(event, from: direction, &context)
        refuse(&side, &context)
    }

    /// `SSH-2.0-OpenSSH_9.6 comment`: the protocol's version, and the software without the comment.
    func show(_ line: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let tx = begin(&context)
        guard context.wantsTransactions, line.byteCount > 4 else { return }
        let dash = line.firstIndex(of: 0x2D, from: 4) ?? line.byteCount
        context.expose(.sshProto, line.extracting(4..<dash), tx: tx, from: direction)
        guard dash < line.byteCount else { return }
        let end = line.firstIndex(of: 0x20, from: dash &+ 1) ?? line.byteCount
        context.expose(.sshSoftware, line.extracting(dash &+ 1 ..< end), tx: tx, from: direction)
    }

    /// HASSH: the lists of key exchange, cipher, MAC and compression in the sender's direction,
    /// joined by semicolons, and the MD5 of that. Nil where the offer is cut short.
    static func hassh(_ payload: RawSpan, from direction: Direction) -> (hash: [UInt8], string: [UInt8])? {
        var text: [UInt8] = []
        var cursor = Cursor(payload)
        let wanted = direction == .originator ? [0, 2, 4, 6] : [0, 3, 5, 7]
        do throws(WireError) {
            try cursor.skip(16)
            for list in 0..<8 {
                let names = try cursor.take(Int(try cursor.read(UInt32.self)))
                guard wanted.contains(list) else { continue }
                if list != 0 { text.append(0x3B) }
                names.append(to: &text)
            }
        } catch { return nil }
        var digest = TextBuffer()
        _ = Digests.md5(text, to: &digest)
        return (digest.bytes, text)
    }

    func showOffer(_ payload: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let isClient = direction == .originator
        let hash: SignatureBuffer = isClient ? .sshHASSH : .sshHASSHServer
        let string: SignatureBuffer = isClient ? .sshHASSHString : .sshHASSHServerString
        guard context.wants(hash) || context.wants(string) else { return }
        let tx = begin(&context)
        guard let offer = SSH.hassh(payload, from: direction) else { return }
        context.expose(string, offer.string.octets, tx: tx, from: direction)
        context.expose(hash, offer.hash.octets, tx: tx, from: direction)
    }

    func endTransaction(_ context: inout AnalyzerContext) {
        guard let transaction else { return }
        context.transactionDone(tx: transaction, from: .originator)
        context.transactionDone(tx: transaction, from: .responder)
    }
}
