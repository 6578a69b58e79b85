// SPDX-License-Identifier: Apache-2.0
//
// A cluster of Spark for a test: a master and two workers.
//
// Reads   the Python package pyspark, which has them; Java.
// Leaves  what is asked of it (`EngineTests`).

import Foundation
import Testing

/// A master and two workers on loopback, with ports of their own; they end with the object.
final class SparkCluster {
    private var processes: [Process] = []
    let master: String

    private let python: String

    init(_ folder: String, python: String) throws {
        self.python = python
        let home = try SparkCluster.home(python)
        let port = Int.random(in: 20_000..<40_000)
        master = "spark://127.0.0.1:\(port)"
        let log = folder + "/master.log"
        try start(
            home, "org.apache.spark.deploy.master.Master",
            ["--host", "127.0.0.1", "--port", "\(port)", "--webui-port", "0"], log)
        try wait(log, "I have been elected leader")
        for number in 0..<2 {
            let own = "\(folder)/worker\(number).log"
            try start(
                home, "org.apache.spark.deploy.worker.Worker",
                ["--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir",
                    "\(folder)/work\(number)", master], own)
            try wait(own, "Successfully registered with master")
        }
    }

    deinit { for process in processes { kill(process.processIdentifier, SIGKILL) } }

    /// Where the Python package has Spark.
    private static func home(_ python: String) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = ["-c", "import pyspark, os; print(os.path.dirname(pyspark.__file__))"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        process.waitUntilExit()
        return String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func start(_ home: String, _ kind: String, _ arguments: [String], _ log: String) throws {
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "exec \"$0\"/bin/spark-class \"$@\"", home, kind] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["SPARK_HOME": home, "PYSPARK_PYTHON": python, "SPARK_LOCAL_IP": "127.0.0.1"]) { $1 }
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = FileHandle(forWritingAtPath: log)
        try process.run()
        processes.append(process)
    }

    private func wait(_ log: String, _ text: String) throws {
        for _ in 0..<600 {
            if let found = try? String(contentsOfFile: log, encoding: .utf8), found.contains(text) { return }
            Thread.sleep(forTimeInterval: 0.1)
        }
        Issue.record("Spark does not start: \((try? String(contentsOfFile: log, encoding: .utf8))?.suffix(500) ?? "")")
    }
}
