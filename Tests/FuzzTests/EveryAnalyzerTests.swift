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

    func play(_ trouble: FuzzConversation.Trouble) -> FuzzConversation.Outcome {
        conversation.play(turns, isDatagrams: isDatagrams, trouble)
    }

    /// The shortest of a protocol's inputs that makes a row or names the service.
    init?(_ kind: AnalyzerKind, target: String) {
        let conversation = FuzzConversation(kind)
        let path = folder.appending(path: target).path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let inputs = names.filter { $0.hasPrefix("made-") || $0.hasPrefix("seed-") }.sorted()
            .compactMap { FileManager.default.contents(atPath: "\(path)/\($0)").map { Array($0) } }
            .sorted { $0.count < $1.count }
        for input in inputs {
            let (isDatagrams, turns) = FuzzConversation.turns(input)
            let whole = conversation.play(turns, isDatagrams: isDatagrams)
            guard !whole.service.isEmpty || !whole.rows.isEmpty else { continue }
            (self.conversation, self.turns, self.isDatagrams, self.whole) = (conversation, turns, isDatagrams, whole)
            return
        }
        return nil
    }
}

private let kinds = AnalyzerKind.allCases.filter { Registry.make($0) != nil }
/// By kind; made once.
private let talks: [AnalyzerKind: Talk] = {
    var talks: [AnalyzerKind: Talk] = [:]
    var services: Set<String> = []
    for kind in kinds {
        let service = "\(kind.serviceName)"
        talks[kind] = Talk(kind, target: services.insert(service).inserted ? service : "\(kind)")
    }
    return talks
}()

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
            #expect(outcome == talk.whole, "\(kind), split at \(place)")
            if outcome != talk.whole { return }
        }
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

    @Test(arguments: kinds) func `what is damaged ends the analyzer or is passed over, and a service is taken back aloud`(
        _ kind: AnalyzerKind
    ) throws {
        let talk = try #require(talks[kind])
        let name = "\(kind.serviceName)"
        for place in Self.places(talk) {
            let outcome = talk.play(.damage(place))
            #expect(Self.isPlausible(outcome, talk), "\(kind), damage at \(place): \(outcome)")
            // What stood in `service` before the damage stands there still, or the log of analyzers says why not.
            let before = talk.play(.cut(place)).service.split(separator: ",").contains { $0 == name }
            let after = outcome.service.split(separator: ",").contains { $0 == name }
            let isSaid = outcome.rows.contains { $0.hasPrefix("analyzer ") }
            #expect(!before || after || isSaid, "\(kind), damage at \(place): \(outcome)")
        }
    }

    @Test(arguments: kinds) func `conversations of all others come to an end, and few of them are taken for one's own`(
        _ kind: AnalyzerKind
    ) {
        let name = "\(kind.serviceName)"
        var taken: Set<AnalyzerKind> = []
        for (other, talk) in talks where "\(other.serviceName)" != name {
            let outcome = FuzzConversation(kind).play(talk.turns, isDatagrams: talk.isDatagrams)
            if outcome.service.split(separator: ",").contains(where: { $0 == name }) { taken.insert(other) }
        }
        #expect(taken.isSubset(of: Self.alike[kind] ?? []), "\(kind) takes \(taken)")
    }

    /// Protocols that cannot be told apart by the octets of these conversations alone: the analyzer that gets them is
    /// chosen by ports and probes.
    private static let alike: [AnalyzerKind: Set<AnalyzerKind>] = [:]

    /// No more rows than three times those of the whole conversation, and no service that the protocol does not have.
    private static func isPlausible(_ outcome: FuzzConversation.Outcome, _ talk: Talk) -> Bool {
        outcome.rows.count <= 3 * max(talk.whole.rows.count, 4)
    }
}
