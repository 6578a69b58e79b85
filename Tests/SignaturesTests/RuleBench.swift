// SPDX-License-Identifier: Apache-2.0
//
// Rules read and walked in tests.

import Records
import Testing
import Wire

@testable import Signatures

enum RuleBench {
    /// What loading these lines gives; nothing is looked up in files.
    static func load(_ text: String, variables: [String: String] = [:]) throws -> LoadedRules {
        var options = RuleLoaderOptions()
        options.variables = variables
        var loader = try RuleLoader(options)
        loader.load(Array(text.utf8), name: "test", folder: nil)
        return loader.finished()
    }

    /// Why a rule with these options is refused; nil where it loads.
    static func refusal(_ options: String, header: String = "alert tcp any any -> any any") throws -> String? {
        try load("\(header) (\(options) sid:1;)").rejected.first?.sentence
    }

    /// Whether a rule with these options, all of one buffer, matches the text.
    static func matches(
        _ options: String, _ text: String, header: String = "alert tcp any any -> any any",
        window: Walker.Window = Walker.Window()
    ) throws -> Bool {
        try matches(options, Array(text.utf8), header: header, window: window)
    }

    static func matches(
        _ options: String, _ octets: [UInt8], header: String = "alert tcp any any -> any any",
        window: Walker.Window = Walker.Window()
    ) throws -> Bool {
        let loaded = try load("\(header) (\(options) sid:1;)")
        try #require(loaded.rejected.isEmpty, "\(loaded.rejected.map(\.text))")
        let walker = Walker(loaded.set)
        let test = try #require(loaded.set.buffers.first)
        var changed: [UInt8] = []
        walker.transform(test.transforms, octets.octets, into: &changed)
        return walker.matches(test, changed.octets, window)
    }
}
