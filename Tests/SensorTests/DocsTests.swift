// SPDX-License-Identifier: Apache-2.0
//
// Docs/logs says what the declarations say. WEIR_UPDATE_DOCS=1 swift test --filter DocsTests writes it anew.

import Foundation
import Logs
import Records
import Sensor
import Testing

@Suite("Docs/logs") struct DocsTests {
    private static let folder = Repository.root + "/Docs/logs"

    /// The list of all logs.
    private static var index: String {
        var text = """
            <!-- Made from the declarations of the logs; a test compares. Change the declarations, not this page. -->

            # Logs

            Every log that Weir writes, to files (`--logs`) and to the store (`--store`); `weir schema LOG`
            shows the same.

            | log | columns | what a row is |
            |---|---|---|

            """
        for schema in Schemas.logs {
            text += "| [`\(schema.path)`](\(schema.path).md) | \(schema.columns.count) | \(schema.summary) |\n"
        }
        return text
    }

    @Test func `each page is made from its declaration`() throws {
        var pages = Schemas.logs.map { ("\($0.path).md", SchemaText.markdown($0)) }
        pages.append(("README.md", Self.index))
        for (name, text) in pages {
            let path = "\(Self.folder)/\(name)"
            if Repository.updates("DOCS") {
                try FileManager.default.createDirectory(atPath: Self.folder, withIntermediateDirectories: true)
                try text.write(toFile: path, atomically: true, encoding: .utf8)
                continue
            }
            let kept = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
            #expect(kept == text, "\(name): WEIR_UPDATE_DOCS=1 ./Scripts/test --filter DocsTests writes it anew")
        }
        let kept = try FileManager.default.contentsOfDirectory(atPath: Self.folder).sorted()
        #expect(kept == pages.map(\.0).sorted(), "a page without a log, or a log without a page")
    }
}
