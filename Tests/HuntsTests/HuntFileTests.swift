// SPDX-License-Identifier: Apache-2.0
//
// The files of Signatures/hunts, and what is refused in one.

import Foundation
import Query
import Records
import Sensor
import Store
import Testing

@testable import Hunts

private let head = "-- finds: Something.\n-- title: {src}\n-- identity: src\n-- technique: T1046\n"

@Suite struct HuntFileTests {
    @Test func `every hunt that is shipped can be asked of a store without rows`() throws {
        let library = try HuntLibrary(folder: huntFolder)
        #expect(library.hunts.count >= 30)
        let store = try TestStore()
        try store.appender().commit()
        let runner = HuntRunner(store: store.folder, schemas: Schemas.logs)
        for hunt in library.hunts {
            let answer = try runner.ask(hunt, HuntValues())
            #expect(answer.rows.isEmpty, "\(hunt.name)")
            #expect(answer.skipped != nil || hunt.needsHistory || !answer.columns.isEmpty, "\(hunt.name)")
        }
    }

    @Test func `what a hunt's head promises is among its columns`() throws {
        let store = try TestStore()
        try store.appender().commit()
        let query = try StoreQuery(store: store.folder, schemas: Schemas.logs)
        for hunt in try HuntLibrary(folder: huntFolder).hunts where !hunt.needsNetworks {
            query.functions = huntFunctions
            let columns = try query.rows(HuntValues().statement(hunt)).columns
            let named = (hunt.title + hunt.entities.joined()).split(separator: "{").dropFirst()
                .compactMap { $0.split(separator: "}").first.map(String.init) }
            for column in named + hunt.identity { #expect(columns.contains(column), "\(hunt.name): \(column)") }
            #expect(columns.contains("last_ts"), "\(hunt.name)")
            #expect(!hunt.why.isEmpty && !hunt.falsePositives.isEmpty, "\(hunt.name)")
        }
    }

    @Test func `a head is read with its parameters and continued lines`() throws {
        let text = head + "-- why: one\n--   two\n-- parameter n = 3: Three.\n-- parameter x = 0.5: Half.\n"
            + "-- parameter t = 'a:b': Text.\n-- alerts: no\n\nSELECT 1 AS src\n"
        let hunt = try Hunt(name: "a", text: text, path: "a.sql")
        #expect(hunt.why == "one two")
        #expect(!hunt.isAlerting)
        #expect(hunt.parameters.map(\.standard) == [.integer(3), .real(0.5), .text("a:b")])
        #expect(hunt.statement == "SELECT 1 AS src")
    }

    @Test(arguments: [
        "SELECT 1", head, head + "-- colour: red\nSELECT 1", head + "-- severity: 9\nSELECT 1",
        head + "-- parameter since = 1: Taken.\nSELECT 1", head + "-- parameter n = many: No number.\nSELECT 1",
        head + "-- parameter n = 1: One.\n-- parameter n = 2: Again.\nSELECT 1", head + "-- alerts: maybe\nSELECT 1",
    ])
    func `a head that makes no sense is refused`(_ text: String) {
        #expect(throws: HuntError(.damagedFile, "", advice: "")) { try Hunt(name: "a", text: text, path: "a.sql") }
    }

    @Test func `values take their places, and the site's networks theirs`() throws {
        let hunt = try Hunt(
            name: "a",
            text: head + "-- parameter n = 3: Three.\nSELECT ':n', is_internal(src) AS src -- :n is_internal(x)\n"
                + "WHERE n > :n AND NOT is_internal(lower(dst))", path: "a.sql")
        var values = HuntValues()
        values.networks = ["10.0.0.0/8", "2001:db8::/32"]
        values.parameters = ["n": "5"]
        let statement = try values.statement(hunt)
        #expect(statement.contains("SELECT ':n', (in_cidr(src, '10.0.0.0/8') OR in_cidr(src, '2001:db8::/32')) AS src"))
        #expect(statement.contains("n > 5 AND NOT (in_cidr(lower(dst), '10.0.0.0/8')"))
        values.networks = ["'; DROP"]
        #expect(throws: HuntError(.parameter, "", advice: "")) { try values.statement(hunt) }
    }

    @Test(arguments: ["n": "many", "m": "1"])
    func `a wrong parameter is refused`(_ name: String, _ value: String) throws {
        let hunt = try Hunt(name: "a", text: head + "-- parameter n = 3: Three.\nSELECT :n AS src", path: "a.sql")
        var values = HuntValues()
        values.parameters = [name: value]
        #expect(throws: HuntError(.parameter, "", advice: "")) { try values.statement(hunt) }
    }

    @Test func `a text with quotes stays a text`() throws {
        let hunt = try Hunt(name: "a", text: head + "-- parameter t = '': Text.\nSELECT :t AS src", path: "a.sql")
        var values = HuntValues()
        values.parameters = ["t": "x' OR 1=1 --"]
        #expect(try values.statement(hunt) == "SELECT 'x'' OR 1=1 --' AS src")
    }

    @Test func `times are moments or lengths`() {
        let now = Timestamp(seconds: 1_800_000_000)
        #expect(HuntTime.parse("24h", now: now) == Timestamp(seconds: 1_800_000_000 - 86_400))
        #expect(HuntTime.parse("2026-11-22 13:00", now: now) == Timestamp(seconds: 1_795_352_400))
        #expect(HuntTime.parse("soon", now: now) == nil)
        #expect(HuntTime.parse("h", now: now) == nil)
        #expect(HuntTime.seconds("99999999999999999999d") == nil)
    }

    @Test func `an unknown hunt is answered with names that are near`() throws {
        let library = try HuntLibrary(folder: huntFolder)
        #expect(throws: HuntError(.unknownHunt, "", advice: "")) { try library.hunt("scan") }
        do { _ = try library.hunt("scan") } catch { #expect(error.description.contains("port-scan")) }
        #expect(throws: HuntError(.unknownHunt, "", advice: "")) { try HuntLibrary(folder: "/nowhere/at/all") }
    }
}
