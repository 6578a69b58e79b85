// SPDX-License-Identifier: Apache-2.0
//
// Files that rules store: which are kept, and that nothing else is left behind.

import Foundation
import Signatures
import Testing

@testable import Sensor

@Suite("Files that rules store") struct FilestoreTests {
    /// Files below the folder of extraction, and alerts of each rule, behind a replay of the office.
    private func replay(_ rules: String, workers: Int = 1) throws -> (files: [Data], alerts: [Int: Int]) {
        let folder = try TestFolder()
        var run = TestRun()
        run.workers = workers
        run.settings.rulePaths = [try folder.write("a.rules", Array(rules.utf8))]
        run.settings.alerts.foldSeconds = 0
        run.settings.extractionFolder = folder.path + "/saved"
        try FileManager.default.createDirectory(atPath: folder.path + "/saved", withIntermediateDirectories: true)
        let index = try run.settings.loadRules { Issue.record("\($0)") }
        try run.replay([Repository.office], into: folder.path, rules: index)
        let saved = try folder.contents(of: "saved")
        #expect(saved.keys.allSatisfy { $0.contains("extract-") && !$0.contains("waiting") })
        let logged = (try? LogLines(folder.path + "/logs/alert.log").numbers("signature_id")) ?? []
        return (Array(saved.values), Dictionary(grouping: logged.map { Int($0) }) { $0 }.mapValues(\.count))
    }

    @Test(arguments: [1, 2]) func `the file that a rule has matched is kept, and no other`(_ workers: Int) throws {
        let (files, alerts) = try replay(
            "alert http any any -> any any (file.data; content:\"<html\"; nocase; filestore; sid:1;)", workers: workers)
        #expect(!files.isEmpty && files.count == alerts[1])
        #expect(files.allSatisfy { String(decoding: $0, as: UTF8.self).lowercased().contains("<html") })
    }

    @Test func `a rule that says nothing stores all the same`() throws {
        let rule = "alert http any any -> any any (http.stat_code; content:\"200\"; filestore; sid:1;)"
        let quiet = "alert http any any -> any any (http.stat_code; content:\"200\"; filestore; noalert; sid:1;)"
        let (loud, silent) = (try replay(rule), try replay(quiet))
        #expect(!loud.files.isEmpty && loud.files.count == silent.files.count)
        #expect(loud.alerts[1] != nil && silent.alerts.isEmpty)
    }

    @Test func `the other side's file is kept where the rule asks for it`() throws {
        let (own, _) = try replay("alert http any any -> any any (http.method; content:\"POST\"; filestore; sid:1;)")
        let (both, _) = try replay(
            "alert http any any -> any any (http.method; content:\"POST\"; filestore:both,tx; sid:1;)")
        let (answers, _) = try replay(
            "alert http any any -> any any (http.method; content:\"POST\"; filestore:response; sid:1;)")
        #expect(!own.isEmpty && own.count + answers.count == both.count && !answers.isEmpty)
    }

    @Test func `without a match nothing is kept, and a request without a file is none`() throws {
        let none = try replay(
            "alert http any any -> any any (file.data; content:\"not in here at all\"; filestore; sid:1;)")
        #expect(none.files.isEmpty && none.alerts.isEmpty)
        let gets = try replay("alert http any any -> any any (http.method; content:\"GET\"; filestore; sid:1;)")
        #expect(gets.files.isEmpty && gets.alerts.isEmpty)
    }
}
