// SPDX-License-Identifier: Apache-2.0
//
// weir ingest: records that others have written become rows of a store.

import ArgumentParser

struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Read what others have logged into a store: Zeek's logs, Suricata's events, audit logs of clouds.",
        discussion: """
            Examples:
              weir ingest zeek --store hunt /opt/zeek/logs/2026-11-22
              weir ingest eve --store hunt /var/log/suricata/eve.json
              weir ingest auto --store /var/lib/weir /data/audit
              weir ingest cloudtrail --store demo AWSLogs --sigma rules/cloud
              weir ingest quarantine --store demo
            """,
        subcommands: [
            IngestZeekCommand.self, IngestEVECommand.self,
            IngestCloudTrailCommand.self, IngestAzureCommand.self, IngestGCPCommand.self, IngestAutoCommand.self,
            IngestQuarantineCommand.self,
        ])
}
