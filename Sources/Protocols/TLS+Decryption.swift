// SPDX-License-Identifier: Apache-2.0
//
// TLS whose secrets a key log knows: what is inside is read like any other stream.
//
// Reads   encrypted records, from the first of each side on.
// Writes  nothing itself: probes run on the stream inside.
// Leaves  opening records (TLSDecryption.swift).

import Records
import Wire

/// The stream inside of one session.
struct TLSInside {
    var clientRandom: [UInt8] = []
    var decryption: TLSDecryption?
    var analysis: InnerAnalysis?
}

extension TLS {
    /// Remembers what names the session.
    func note(clientRandom random: RawSpan, _ context: borrowing AnalyzerContext) {
        guard context.settings.keyLog != nil, kind == .ssl, !isInQUIC else { return }
        inside.clientRandom.removeAll(keepingCapacity: true)
        random.append(to: &inside.clientRandom)
    }

    /// The server has chosen: are the secrets of this session known?
    func unlock(serverRandom: RawSpan, suite: UInt16, _ context: inout AnalyzerContext) {
        let clientRandom = inside.clientRandom
        guard let log = context.settings.keyLog, let suite = TLSSuite(UInt32(suite)),
            suite.isTLS13 == isTLS13, suite.isTLS13 || version == 0x0303, context.nesting < HTTP.nestingMax,
            let session = KeyLogRandom(clientRandom.octets), let secrets = log.find(session)
        else { return }
        var server: [UInt8] = []
        serverRandom.append(to: &server)
        inside.decryption = TLSDecryption(suite, secrets, randoms: (inside.clientRandom, server))
        if inside.decryption != nil, inside.analysis == nil { inside.analysis = InnerAnalysis() }
    }

    /// Whether the session goes on being read after its handshake.
    var isUnlocked: Bool { inside.decryption != nil }

    /// One encrypted record.
    func decrypt(_ type: UInt8, _ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let decryption = inside.decryption else { return }
        let plain = decryption.open(type, body, version: 0x0303, isClient: isClient(direction))
        if decryption.hasFailed {
            inside.decryption = nil
            return
        }
        guard let plain, !plain.isEmpty, let analysis = inside.analysis else { return }
        context.nesting &+= 1
        analysis.stream(plain.octets, from: direction, &context)
        context.nesting &-= 1
        if !analysis.wantsBytes { inside.decryption = nil }
    }

    /// The stream inside is over.
    func finishInside(_ context: inout AnalyzerContext) {
        guard let analysis = inside.analysis else { return }
        context.nesting &+= 1
        analysis.finish(&context)
        context.nesting &-= 1
        analysis.reset(&context)
        inside.analysis = nil
    }
}
