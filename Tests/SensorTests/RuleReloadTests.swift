// SPDX-License-Identifier: Apache-2.0
//
// Rules that are read anew while a sensor runs: what takes the place of those in use, and what does not.

import Foundation
import Signatures
import Testing

@testable import Sensor

@Suite("Rules read anew") struct RuleReloadTests {
    private static let rule = "alert tcp any any -> any any (sid:1;)\n"

    private func reloaded(_ text: [UInt8]) throws -> (inUse: Int, told: [String]) {
        let folder = try TestFolder()
        let path = try folder.write("a.rules", Array(Self.rule.utf8))
        var settings = Settings()
        settings.rulePaths = [path]
        let old = try #require(try settings.loadRules { Issue.record("\($0)") })
        _ = try folder.write("a.rules", text)
        var told: [String] = []
        let new = try #require(try settings.loadRules(replacing: old) { told.append($0) })
        return (new.set.rules.count, told)
    }

    @Test func `what is wrong in a file is left out, and the rest taken`() throws {
        let (inUse, told) = try reloaded(Array((Self.rule + "alert tcp any\n").utf8))
        #expect(inUse == 1 && told.count == 1)
    }

    @Test(arguments: ["alert tcp any any -> any any (sid:2", "\u{0}\u{1}\n\u{2}\n", "<html>\n<body>not found</body>\n"])
    func `a file without a rule that can be used changes nothing`(_ text: String) {
        let error = #expect(throws: SettingsError.self) { _ = try reloaded(Array(text.utf8)) }
        #expect(error.map { "\($0)".contains("no rule can be used") } == true)
    }

    @Test(arguments: ["", "# none today\n\n"]) func `an empty file is a wish`(_ text: String) throws {
        let (inUse, told) = try reloaded(Array(text.utf8))
        #expect(inUse == 0 && told.isEmpty)
    }
}
