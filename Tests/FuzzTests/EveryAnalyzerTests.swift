// SPDX-License-Identifier: Apache-2.0
//
// What every analyzer of the registry must stand, without being named here: a conversation of its protocol that is
// cut, has a gap, is damaged or comes in pieces, at every octet; and the conversations of all others.

import Foundation
import Records
import Testing

@testable import Fuzzing
@testable import Protocols

private let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/fuzz")

/// A conversation of one protocol, and what comes of it when nothing is wrong.
private struct Talk: Sendable {
    let conversation: FuzzConversation
    let turns: [(Direction, [UInt8])]
    let isDatagrams: Bool
    let whole: FuzzConversation.Outcome

    var byteCount: Int { turns.reduce(0) { $0 + $1.1.count } }

    /// The place where the turn with an octet begins.
    func startOfTurn(_ place: Int) -> Int {
        var start = 0
        for (_, octets) in turns {
            guard start + octets.count <= place else { break }
            start += octets.count
        }
        return start
    }

    func play(_ trouble: FuzzConversation.Trouble) -> FuzzConversation.Outcome {
        conversation.play(turns, isDatagrams: isDatagrams, trouble)
    }

    /// A protocol's inputs that make a row or name the service, the shortest first.
    static func all(_ kind: AnalyzerKind, target: String) -> [Talk] {
        let conversation = FuzzConversation(kind)
        let path = folder.appending(path: target).path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let inputs = names.filter { $0.hasPrefix("made-") || $0.hasPrefix("seed-") }.sorted()
            .compactMap { FileManager.default.contents(atPath: "\(path)/\($0)").map { Array($0) } }
            .sorted { $0.count < $1.count }
        return inputs.compactMap { input in
            let (isDatagrams, turns) = FuzzConversation.turns(input)
            let whole = conversation.play(turns, isDatagrams: isDatagrams)
            guard !whole.service.isEmpty || !whole.rows.isEmpty else { return nil }
            return Talk(conversation: conversation, turns: turns, isDatagrams: isDatagrams, whole: whole)
        }
    }
}

private let kinds = AnalyzerKind.allCases.filter { Registry.make($0) != nil }
/// All inputs by kind; made once.
private let inputs: [AnalyzerKind: [Talk]] = {
    var inputs: [AnalyzerKind: [Talk]] = [:]
    var services: Set<String> = []
    for kind in kinds {
        let service = "\(kind.serviceName)"
        inputs[kind] = Talk.all(kind, target: services.insert(service).inserted ? service : "\(kind)")
    }
    return inputs
}()
/// The shortest of each kind.
private let talks: [AnalyzerKind: Talk] = inputs.compactMapValues(\.first)

@Suite("every analyzer") struct EveryAnalyzerTests {
    /// Octets of a conversation of which each is a place for trouble; of a longer one the places are spread.
    private static let placesMax = 600

    private static func places(_ talk: Talk) -> [Int] {
        guard talk.byteCount > placesMax else { return Array(0..<talk.byteCount) }
        // All of the beginning, where the headers are.
        let first = placesMax / 2
        let step = max(1, (talk.byteCount - first) / first)
        return Array(0..<first) + Array(stride(from: first, to: talk.byteCount, by: step))
    }

    @Test(arguments: kinds) func `a conversation makes rows or names the service`(_ kind: AnalyzerKind) {
        #expect(talks[kind] != nil, "no input of \(kind) in Tests/Fixtures/fuzz says anything")
    }

    @Test(arguments: kinds) func `segments may end at every octet`(_ kind: AnalyzerKind) throws {
        let talk = try #require(talks[kind])
        for place in Self.places(talk) {
            let outcome = talk.play(.split(place))
            let isSame = Self.withoutPieces(outcome) == Self.withoutPieces(talk.whole)
            #expect(isSame, "\(kind), split at \(place): \(outcome)")
            if !isSame { return }
        }
    }

    /// An outcome without what tells of the pieces themselves: the first octets of the one at which a protocol failed.
    private static func withoutPieces(_ outcome: FuzzConversation.Outcome) -> FuzzConversation.Outcome {
        var outcome = outcome
        for place in outcome.rows.indices where outcome.rows[place].hasPrefix("analyzer ") {
            outcome.rows[place].replace(/"failure_data":"(?:[^"\\]|\\.)*",/, with: "")
        }
        return outcome
    }

    @Test(arguments: kinds) func `a conversation may end at every octet`(_ kind: AnalyzerKind) throws {
        let talk = try #require(talks[kind])
        for place in Self.places(talk) {
            let outcome = talk.play(.cut(place))
            #expect(Self.isPlausible(outcome, talk), "\(kind), cut at \(place): \(outcome)")
        }
    }

    @Test(arguments: kinds) func `an octet may be missing anywhere`(_ kind: AnalyzerKind) throws {
        let talk = try #require(talks[kind])
        for place in Self.places(talk) {
            let outcome = talk.play(.gap(place))
            #expect(Self.isPlausible(outcome, talk), "\(kind), gap at \(place): \(outcome)")
        }
    }

    @Test(arguments: kinds) func `what is damaged ends the analyzer or is passed over, and no service goes silently`(
        _ kind: AnalyzerKind
    ) throws {
        let talk = try #require(talks[kind])
        let name = "\(kind.serviceName)"
        for place in Self.places(talk) {
            let outcome = talk.play(.damage(place))
            #expect(Self.isPlausible(outcome, talk), "\(kind), damage at \(place): \(outcome)")
            // What stood in `service` before the damaged message does so still, or the log of analyzers says why not.
            let before = talk.play(.cut(talk.startOfTurn(place))).service.split(separator: ",").contains { $0 == name }
            let after = outcome.service.split(separator: ",").contains { $0 == name }
            let isSaid = outcome.rows.contains { $0.hasPrefix("analyzer ") }
            #expect(!before || after || isSaid, "\(kind), damage at \(place): \(outcome)")
        }
    }

    @Test(arguments: kinds) func `conversations of all others come to an end`(_ kind: AnalyzerKind) throws {
        let own = try #require(talks[kind])
        for (other, talk) in talks where other != kind {
            let outcome = FuzzConversation(kind).play(talk.turns, isDatagrams: talk.isDatagrams)
            #expect(outcome.rows.count <= 40 * max(own.whole.rows.count, talk.turns.count), "\(kind) reads \(other)")
        }
    }

    /// Where neither a port nor an announcement helps, content decides: the probes start the right analyzer, and what
    /// they start beside it withdraws. Not every input is the beginning of a connection that says enough.
    @Test(arguments: kinds) func `a conversation on any port is known by its octets`(_ kind: AnalyzerKind) throws {
        let service = "\(kind.serviceName)"
        var (isFound, isNamed) = (false, false)
        for talk in try #require(inputs[kind]) {
            let found = FuzzConversation.recognise(talk.turns, isDatagrams: talk.isDatagrams).service
            let names = Set(found.split(separator: ",").map(String.init))
            var own = Set(talk.whole.service.split(separator: ",").map(String.init))
            if own.contains(service) { isNamed = true }
            if names.contains(service) { isFound = true }
            own.insert(service)
            let others = names.subtracting(own)
            #expect(others.isSubset(of: Self.alike[kind] ?? []), "\(kind): found \(others) beside \(own)")
        }
        if isNamed, Self.hasProbe.contains(kind), !Self.needsMore.contains(kind) {
            #expect(isFound, "\(kind) is not found by its octets")
        }
    }

    private static let hasProbe = Set(Registry.probes.map(\.kind))
    /// Their probes want both ends to say something that not all of them do, as Zeek's do: a registration, a bind; or
    /// one to say when it speaks.
    private static let needsMore: Set<AnalyzerKind> = [.irc, .ldapUDP, .syslog]
    /// Services that are found beside, and are right, too: what came before an upgrade, and what is inside of a tunnel.
    private static let alike: [AnalyzerKind: Set<String>] = [.websocket: ["http"], .dceRPC: ["socks", "ssl"]]

    /// No more rows than three times those of the whole conversation, and no service that the protocol does not have.
    private static func isPlausible(_ outcome: FuzzConversation.Outcome, _ talk: Talk) -> Bool {
        outcome.rows.count <= 3 * max(talk.whole.rows.count, 4)
    }
}
