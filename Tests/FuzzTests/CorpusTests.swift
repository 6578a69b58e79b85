// SPDX-License-Identifier: Apache-2.0
//
// The corpus of the fuzzer, and seeded changes of it, through every target: what libFuzzer found once does
// not come back, and a target that a careless change breaks is seen without a fuzzer.

import Foundation
import Fuzzing
import Testing

private let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/fuzz")

@Suite("fuzz corpus") struct CorpusTests {
    /// Changes of each input.
    private static let rounds = 24

    private static func inputs(_ target: FuzzTarget) -> [[UInt8]] {
        let folder = corpus.appending(path: target.name).path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().compactMap { name in
            FileManager.default.contents(atPath: "\(folder)/\(name)").map { Array($0) }
        }
    }

    @Test(arguments: FuzzTarget.all.map(\.name))
    func `every input and its changes come to an end`(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        var random = SplitMix(state: UInt64(name.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }))
        target.run([])
        for octets in Self.inputs(target) {
            target.run(octets)
            for _ in 0..<Self.rounds { target.run(random.changed(octets)) }
        }
    }

    @Test func `every folder of inputs has a target`() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: corpus.path)
            .filter { (try? FileManager.default.contentsOfDirectory(atPath: "\(corpus.path)/\($0)")) != nil }
        #expect(Set(folders).subtracting(FuzzTarget.all.map(\.name)) == [])
    }
}

/// A generator with a seed: the same changes each time.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    /// The input with one to eight places changed: other values, values of lengths, cut, doubled, left out.
    mutating func changed(_ octets: [UInt8]) -> [UInt8] {
        var octets = octets
        for _ in 0..<Int.random(in: 1...8, using: &self) {
            guard octets.count > 1 else { return octets }
            let at = Int.random(in: 0..<octets.count, using: &self)
            let end = min(octets.count, at + Int.random(in: 1...16, using: &self))
            switch UInt8.random(in: 0...7, using: &self) {
            case 0: octets[at] = UInt8.random(in: 0...255, using: &self)
            case 1: octets[at] ^= 1 << UInt8.random(in: 0...7, using: &self)
            case 2: octets[at] = 0xFF
            case 3: octets[at] = 0
            case 4: octets.replaceSubrange(at..<end, with: repeatElement(0xFF, count: end - at))
            case 5: octets.removeSubrange(at..<end)
            case 6: octets.insert(contentsOf: Array(octets[at..<end]), at: at)
            default: octets.removeSubrange(at...)
            }
        }
        return octets
    }
}
