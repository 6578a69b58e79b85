// SPDX-License-Identifier: Apache-2.0
//
// Signatures/weir.rules: each rule fires on what it is for, and not on what looks alike.

import Foundation
import Records
import Testing
import Wire

@testable import Signatures

@Suite("Starter pack") struct StarterPackTests {
    private static let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Signatures/weir.rules").path

    private static let loaded: LoadedRules? = {
        guard var loader = try? RuleLoader(), (try? loader.load(file: path)) != nil else { return nil }
        return loader.finished()
    }()

    /// Whether every list of the rule holds for the octets that are given for its buffer.
    private func fires(_ rule: Rule, _ set: RuleSet, _ buffers: PackBuffers) -> Bool {
        let walker = Walker(set)
        var changed: [UInt8] = []
        return rule.buffers.indices.allSatisfy { index in
            let test = set.buffers[index]
            let name = test.buffer.name.description
            return buffers.filter { $0.keyword == name }.contains { buffer in
                // The octets of a text are its scalars, so that any octet can be written.
                let octets = buffer.text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
                walker.transform(test.transforms, octets.octets, into: &changed)
                return walker.matches(test, changed.octets)
            }
        }
    }

    @Test func `all rules load, with a class, a technique and a test each`() throws {
        let loaded = try #require(Self.loaded)
        #expect(
            loaded.rejected.isEmpty && loaded.warnings.isEmpty, "\((loaded.rejected + loaded.warnings).map(\.text))")
        #expect(loaded.set.rules.count >= 60)
        for rule in loaded.set.rules {
            #expect(rule.classification != 0 && loaded.set.string(rule.metadata).hasPrefix("mitre_technique_id T"))
            #expect(PackCase.all.contains { $0.sid == rule.id.signature }, "sid \(rule.id.signature) has no test")
        }
    }

    @Test(arguments: PackCase.all) func `fires on what it is for, and not on what looks alike`(_ sample: PackCase)
        throws
    {
        let set = try #require(Self.loaded).set
        let rule = try #require(set.rules.first { $0.id.signature == sample.sid })
        #expect(fires(rule, set, sample.hit))
        #expect(!fires(rule, set, sample.miss))
    }
}
