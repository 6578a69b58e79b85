// SPDX-License-Identifier: Apache-2.0
//
// What the tests of HTTP share: one connection that texts are fed to.

import Wire

@testable import Protocols
@testable import Records

/// One connection with HTTP on it, and what came of it.
final class HTTPBench: Bench<HTTP> {
    init(_ settings: AnalyzerSettings = AnalyzerSettings()) {
        super.init(HTTP(), logs: [HTTPRecord.makeSchema()], port: 80, .tcp, settings)
    }

    func finished() -> [LogRow] {
        finish()
        return rows
    }
}
