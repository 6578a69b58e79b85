// SPDX-License-Identifier: Apache-2.0
//
// Sessions of TCP that go wrong, and what Suricata 8.0.7 said of each (`stream-event`), shown as captures with a second
// between packets. A case is a name; its segments; behind '=' the events, each with the number of its segment.
//
// A segment is SIDE:FLAGS:SEQUENCE:ACKNOWLEDGEMENT:OCTETS:WINDOW, the client's side being c. Before them H stands for a
// handshake (1000, 5000), D for one with ten octets from each end, acknowledged.

enum StreamWatchCases {
    static let text = """
        normal
          D c:FA:1011:5011 s:A:5011:1012 s:FA:5011:1012 c:A:1012:5012
        normal2
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1012:5012
        snormal
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5012:1012
        snormal2
          D s:FA:5011:1011 c:FA:1011:5012 s:A:5012:1012
        syn after fin
          D c:FA:1011:5011 c:S:1000:0
        = 8:shutdown_syn_resend
        syn after sfin
          D s:FA:5011:1011 c:S:1000:0
        = 8:shutdown_syn_resend
        synack after sfin
          D s:FA:5011:1011 s:SA:5000:1001
        = 8:shutdown_syn_resend
        cw data
          D c:FA:1011:5011 s:AP:5011:1012:4 c:A:1012:5015
        cw old data
          D c:FA:1011:5011 s:AP:5001:1012:10
        = 8:closewait_pkt_before_last_ack 8:pkt_retransmission 8:pkt_spurious_retransmission
        cw old part
          D c:FA:1011:5011 s:AP:5001:1012:11
        = 8:pkt_retransmission
        cw older
          D c:FA:1011:5011 s:AP:5001:1012:2
        = 8:closewait_pkt_before_last_ack 8:pkt_retransmission 8:pkt_spurious_retransmission
        cw out of window
          D c:FA:1011:5011 s:A:14011:1012
        = 8:closewait_ack_out_of_window
        cw data out of window
          D c:FA:1011:5011 s:A:14011:1012:1
        = 8:closewait_ack_out_of_window
        cw in window gap
          D c:FA:1011:5011 s:A:13011:1012:1
        cw invalid ack
          D c:FA:1011:5011 s:A:5011:21012
        = 8:closewait_invalid_ack 8:pkt_invalid_ack
        cw ack +1
          D c:FA:1011:5011 s:A:5011:1013
        cw ack old
          D c:FA:1011:5011 s:A:5011:-8100
        cw client again
          D c:FA:1011:5011 c:FA:1011:5011
        cw client again2
          D c:FA:1011:5011 s:A:5011:1012 c:FA:1011:5011
        = 9:closewait_fin_out_of_window
        cw client out
          D c:FA:1011:5011 c:FA:10011:5011
        = 8:closewait_fin_out_of_window
        cw client old
          D c:FA:1011:5011 c:FA:1001:5011
        = 8:closewait_fin_out_of_window
        cw client data
          D c:FA:1011:5011 c:A:1012:5011:2
        cw client ack
          D c:FA:1011:5011 c:A:1012:5011
        cw client fin inv ack
          D c:FA:1011:5011 c:FA:1012:25011
        = 8:closewait_invalid_ack 8:pkt_invalid_ack
        cw sfin out
          D c:FA:1011:5011 s:FA:14011:1012
        = 8:closewait_fin_out_of_window
        cw sfin old
          D c:FA:1011:5011 s:FA:5001:1012
        = 8:closewait_fin_out_of_window
        cw sfin old data
          D c:FA:1011:5011 s:FA:5001:1012:10
        = 8:pkt_retransmission 8:pkt_spurious_retransmission
        cw sfin invalid ack
          D c:FA:1011:5011 s:FA:5011:21012
        = 8:closewait_invalid_ack 8:pkt_invalid_ack
        cw sfin with data
          D c:FA:1011:5011 s:FA:5011:1012:4 c:A:1012:5016
        la wrong seq
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1020:5012
        = 9:lastack_ack_wrong_seq
        la wrong seq old
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1001:5012
        la seq 1011
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1011:5012
        la seq 1013
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1013:5012
        la invalid ack
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1012:25012
        = 9:lastack_invalid_ack 9:pkt_invalid_ack
        la old ack
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1012:5011
        la server ack
          D c:FA:1011:5011 s:FA:5011:1012 s:A:5012:1012
        la server data
          D c:FA:1011:5011 s:FA:5011:1012 s:A:5012:1012:2
        la sfin again
          D c:FA:1011:5011 s:FA:5011:1012 s:FA:5011:1012 c:A:1012:5012
        la syn
          D c:FA:1011:5011 s:FA:5011:1012 c:S:1000:0
        = 9:shutdown_syn_resend
        la synack
          D c:FA:1011:5011 s:FA:5011:1012 s:SA:5000:1001
        = 9:shutdown_syn_resend
        la rst
          D c:FA:1011:5011 s:FA:5011:1012 c:R:1012:0
        la rst old
          D c:FA:1011:5011 s:FA:5011:1012 c:R:500:0
        closed ack
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1012:5012 c:A:1012:5012
        closed syn
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1012:5012 c:S:1000:0
        closed data
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1012:5012 s:A:5012:1012:2
        fw1 bad ack
          D s:FA:5011:1011 c:A:1011:25012
        = 8:fin1_invalid_ack 8:pkt_invalid_ack
        fw1 ack +1
          D s:FA:5011:1011 c:A:1011:5013
        fw1 old ack
          D s:FA:5011:1011 c:A:1011:5011
        fw1 data
          D s:FA:5011:1011 c:A:1011:5012:2 s:A:5012:1013
        fw1 out of window
          D s:FA:5011:1011 c:A:10011:5012:2
        = 8:fin1_ack_wrong_seq
        fw1 out of window ack
          D s:FA:5011:1011 c:A:10011:5012
        = 8:fin1_ack_wrong_seq
        fw1 old data
          D s:FA:5011:1011 c:A:1001:5012:10
        = 8:pkt_retransmission 8:pkt_spurious_retransmission
        fw1 server data
          D s:FA:5011:1011 s:A:5012:1011:2
        fw1 server out
          D s:FA:5011:1011 s:A:14012:1011:2
        = 8:fin1_ack_wrong_seq
        fw1 fin again
          D s:FA:5011:1011 s:FA:5011:1011
        fw1 sfin other
          D s:FA:5011:1011 s:FA:5020:1011
        fw1 cfin wrong
          D s:FA:5011:1011 c:FA:1001:5012
        = 8:fin1_fin_wrong_seq
        fw1 cfin wrong up
          D s:FA:5011:1011 c:FA:10011:5012
        = 8:fin1_fin_wrong_seq
        fw1 cfin inv
          D s:FA:5011:1011 c:FA:1011:25012
        = 8:fin1_invalid_ack 8:pkt_invalid_ack
        fw1 cfin oldack
          D s:FA:5011:1011 c:FA:1011:5011
        fw1 rst
          D s:FA:5011:1011 s:R:5012:0
        fw1 rst bad
          D s:FA:5011:1011 s:R:9:0
        closing ok
          D s:FA:5011:1011 c:FA:1011:5011 s:A:5012:1012 c:A:1012:5012
        closing wrong
          D s:FA:5011:1011 c:FA:1011:5011 s:A:5020:1012
        = 9:timewait_ack_wrong_seq
        closing wrong c
          D s:FA:5011:1011 c:FA:1011:5011 c:A:1020:5012
        = 9:timewait_ack_wrong_seq
        closing inv
          D s:FA:5011:1011 c:FA:1011:5011 s:A:5012:21012
        = 9:pkt_invalid_ack 9:timewait_invalid_ack
        closing inv c
          D s:FA:5011:1011 c:FA:1011:5011 c:A:1012:25012
        = 9:pkt_invalid_ack 9:timewait_invalid_ack
        closing seq 5011
          D s:FA:5011:1011 c:FA:1011:5011 s:A:5011:1012
        closing fin again
          D s:FA:5011:1011 c:FA:1011:5011 c:FA:1011:5011
        closing syn
          D s:FA:5011:1011 c:FA:1011:5011 c:S:1000:0
        = 9:shutdown_syn_resend
        closing synack
          D s:FA:5011:1011 c:FA:1011:5011 s:SA:5000:1001
        = 9:shutdown_syn_resend
        closing data old
          D s:FA:5011:1011 c:FA:1011:5011 c:A:1001:5011:10
        = 9:pkt_retransmission 9:pkt_spurious_retransmission
        fw2 data
          D s:FA:5011:1011 c:A:1011:5012 c:A:1011:5012:2 s:A:5012:1013
        fw2 out
          D s:FA:5011:1011 c:A:1011:5012 c:A:10011:5012:2
        = 9:fin2_ack_wrong_seq
        fw2 inv
          D s:FA:5011:1011 c:A:1011:5012 c:A:1011:25012
        = 9:fin2_invalid_ack 9:pkt_invalid_ack
        fw2 ack+1
          D s:FA:5011:1011 c:A:1011:5012 c:A:1011:5013
        fw2 old data
          D s:FA:5011:1011 c:A:1011:5012 c:A:1001:5012:10
        = 9:pkt_retransmission 9:pkt_spurious_retransmission
        fw2 cfin wrong
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1001:5012
        = 9:fin2_fin_wrong_seq
        fw2 cfin up
          D s:FA:5011:1011 c:A:1011:5012 c:FA:10011:5012
        = 9:fin2_fin_wrong_seq
        fw2 cfin inv
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:25012
        = 9:fin2_invalid_ack 9:pkt_invalid_ack
        fw2 cfin seq-1
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1010:5012
        fw2 sfin again
          D s:FA:5011:1011 c:A:1011:5012 s:FA:5011:1011
        fw2 syn
          D s:FA:5011:1011 c:A:1011:5012 c:S:1000:0
        = 9:shutdown_syn_resend
        fw2 server data
          D s:FA:5011:1011 c:A:1011:5012 s:A:5012:1011:2
        fw2 server out
          D s:FA:5011:1011 c:A:1011:5012 s:A:14012:1011:2
        = 9:fin2_ack_wrong_seq
        tw ok
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5012:1012
        tw wrong
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5020:1012
        = 10:timewait_ack_wrong_seq
        tw inv
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5012:21012
        = 10:pkt_invalid_ack 10:timewait_invalid_ack
        tw c wrong
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:A:1020:5012
        = 10:timewait_ack_wrong_seq
        tw c inv
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:A:1012:25012
        = 10:pkt_invalid_ack 10:timewait_invalid_ack
        tw c fin again
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:FA:1011:5012
        tw syn
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:S:1000:0
        = 10:shutdown_syn_resend
        tw synack
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:SA:5000:1001
        = 10:shutdown_syn_resend
        tw sfin
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:FA:5011:1012
        tw s data
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5012:1012:2
        tw s old
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5001:1012:10
        = 10:pkt_retransmission 10:pkt_spurious_retransmission
        tw c ack
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:A:1012:5012 s:A:5012:1012
        tw seq 5011
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5011:1012
        tw syn other
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:S:70000:0
        = 10:shutdown_syn_resend
        est old data
          D c:AP:1001:5011:10
        = 7:pkt_spurious_retransmission
        est older data
          D c:AP:1001:5011:2
        = 7:est_pkt_before_last_ack 7:pkt_spurious_retransmission
        est part
          D c:AP:1001:5011:11
        est ack old
          D s:A:5011:-8100
        est ack old2
          D s:A:5011:-7181
        est ack old3
          D s:A:5011:-7182
        est ack old4
          D s:A:5011:-68989
        cw ack old2
          D c:FA:1011:5011 s:A:5011:-7181
        cw ack old3
          D c:FA:1011:5011 s:A:5011:-7182
        cw ack old4
          D c:FA:1011:5011 s:A:5011:-68989
        closing ok by FIN alone
          D s:FA:5011:1011 c:F:1011:0 s:A:5012:1012 c:A:1012:5012
        closing wrong by FIN alone
          D s:FA:5011:1011 c:F:1011:0 s:A:5020:1012
        = 9:closing_ack_wrong_seq
        closing wrong c by FIN alone
          D s:FA:5011:1011 c:F:1011:0 c:A:1020:5012
        = 9:closing_ack_wrong_seq
        closing inv by FIN alone
          D s:FA:5011:1011 c:F:1011:0 s:A:5012:21012
        = 9:closing_invalid_ack 9:pkt_invalid_ack
        closing inv c by FIN alone
          D s:FA:5011:1011 c:F:1011:0 c:A:1012:25012
        = 9:closing_ack_wrong_seq
        closing seq 5011 by FIN alone
          D s:FA:5011:1011 c:F:1011:0 s:A:5011:1012
        = 9:closing_ack_wrong_seq
        closing seq 5011 c by FIN alone
          D s:FA:5011:1011 c:F:1011:0 c:A:1011:5012
        closing fin again by FIN alone
          D s:FA:5011:1011 c:F:1011:0 c:FA:1011:5011
        closing syn by FIN alone
          D s:FA:5011:1011 c:F:1011:0 c:S:1000:0
        = 9:shutdown_syn_resend
        closing synack by FIN alone
          D s:FA:5011:1011 c:F:1011:0 s:SA:5000:1001
        = 9:shutdown_syn_resend
        closing rst by FIN alone
          D s:FA:5011:1011 c:F:1011:0 s:R:5012:0
        closing data old by FIN alone
          D s:FA:5011:1011 c:F:1011:0 c:A:1001:5011:10
        = 9:closing_ack_wrong_seq 9:pkt_retransmission 9:pkt_spurious_retransmission
        closing c ack by FIN alone
          D s:FA:5011:1011 c:F:1011:0 c:A:1012:5012 s:A:5012:1012
        = 9:closing_ack_wrong_seq
        closing c ack 1011 by FIN alone
          D s:FA:5011:1011 c:F:1011:0 c:A:1011:5011 s:A:5011:1012
        closing seq 5013 by FIN alone
          D s:FA:5011:1011 c:F:1011:0 s:A:5013:1012
        = 9:closing_ack_wrong_seq
        closing old by FIN alone
          D s:FA:5011:1011 c:F:1011:0 s:A:5001:1012
        = 9:closing_ack_wrong_seq
        pure fin est
          H c:F:1001:0 s:A:5001:1002
        pure fin cw
          H c:FA:1001:5001 s:F:5001:0
        pure fin fw2
          H s:FA:5001:1001 c:A:1001:5002 c:F:1001:0
        fin in synsent
          c:S:1000:0 c:FA:1001:0
        fin in synrecv
          c:S:1000:0 s:SA:5000:1001 c:FA:1001:5001 s:FA:5001:1002 c:A:1002:5002
        fin in synrecv bad ack
          c:S:1000:0 s:SA:5000:1001 c:FA:1001:90000
        = 2:fin_invalid_ack 2:pkt_invalid_ack
        fin in synrecv seq
          c:S:1000:0 s:SA:5000:1001 c:FA:90001:5001
        = 2:fin_out_of_window
        sfin in synrecv
          c:S:1000:0 s:SA:5000:1001 s:FA:5001:1001
        la seq 1014
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1014:5012
        = 9:lastack_ack_wrong_seq
        la data old
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1001:5012:10
        = 9:pkt_retransmission 9:pkt_spurious_retransmission
        la data new
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1012:5012:2
        la invalid old
          D c:FA:1011:5011 s:FA:5011:1012 c:A:1001:25012
        = 9:lastack_invalid_ack 9:pkt_invalid_ack
        tw 5013
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5013:1012
        = 10:timewait_ack_wrong_seq
        tw 5014
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5014:1012
        = 10:timewait_ack_wrong_seq
        tw old inv
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:A:5001:21012
        = 10:timewait_ack_wrong_seq
        tw 1011 c
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:A:1011:5012
        tw 1013 c
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:A:1013:5012
        = 10:timewait_ack_wrong_seq
        tw 1014 c
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:A:1014:5012
        = 10:timewait_ack_wrong_seq
        fw1 syn other
          D s:FA:5011:1011 c:S:70000:0
        = 8:shutdown_syn_resend
        fw2 syn other
          D s:FA:5011:1011 c:A:1011:5012 c:S:70000:0
        = 9:shutdown_syn_resend
        tw syn same
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 c:S:1000:0
        = 10:shutdown_syn_resend
        est syn other
          D c:S:70000:0
        = 7:est_syn_resend_diff_seq
        est syn same
          D c:S:1000:0
        = 7:est_syn_resend_diff_seq
        est syn from server
          D s:S:1000:0
        = 7:est_syn_toclient
        rst then syn same
          D c:R:1011:0 c:S:1000:0
        rst bad
          D c:R:99:0
        rst ack bad
          D c:RA:99:5011
        rst future
          D c:R:10011:0
        rst inwin
          D c:R:1111:0
        rst s
          D s:R:5011:0
        rst s bad
          D s:R:77:0
        rst ra badack
          D c:RA:1011:77777
        = 7:pkt_invalid_ack 7:rst_invalid_ack
        cw rst bad
          D c:FA:1011:5011 c:R:99:0
        cw rst future
          D c:FA:1011:5011 c:R:90000:0
        cw rst s bad
          D c:FA:1011:5011 s:R:99:0
        fw2 rst bad
          D s:FA:5011:1011 c:A:1011:5012 s:R:99:0
        tw rst bad
          D s:FA:5011:1011 c:A:1011:5012 c:FA:1011:5012 s:R:99:0
        cw rst ack bad
          D c:FA:1011:5011 s:RA:5011:77777
        = 8:pkt_invalid_ack 8:rst_invalid_ack
        rst inject
          D c:R:1011:0 c:AP:1011:5011:3
        rst inject s
          D s:R:5011:0 s:AP:5011:1011:3
        rst then ack
          D c:R:1011:0 s:A:5011:1011
        syn rst
          c:S:1000:0 s:RA:0:1001
        syn rst badack
          c:S:1000:0 s:RA:0:5
        = 1:pkt_invalid_ack 1:rst_invalid_ack
        syn rst c
          c:S:1000:0 c:R:1001:0
        synrecv rst
          c:S:1000:0 s:SA:5000:1001 c:R:1001:0
        synrecv rst s
          c:S:1000:0 s:SA:5000:1001 s:R:5001:0
        synrecv rst bad
          c:S:1000:0 s:SA:5000:1001 c:R:1:0
        bad window
          D c:A:1020:5020:0:10
        = 7:pkt_bad_window_update
        bad window2
          D c:A:1020:5020:0:8000
        = 7:pkt_bad_window_update
        bad window ok
          D c:A:1011:5011:0:10
        bad window data
          D c:A:1020:5020:3:10
        = 7:pkt_bad_window_update
        bad window fin
          D c:FA:1011:5011 s:A:5020:1030:0:10
        = 8:pkt_bad_window_update
        win update
          D c:A:1011:5011:0:100
        zero win data
          D c:A:1011:5011:0:0 s:A:5011:1011:1 s:A:5012:1011:2
        zwp
          D c:A:1011:5011:0:0 s:A:5011:1011:1 c:A:1011:5011:0:0 s:A:5011:1011:1
        zwp2
          D c:A:1011:5011:0:0 s:A:5011:1011:3
        syn flood
          c:S:1000:0 c:S:1100:0 c:S:1200:0 c:S:1300:0 c:S:1400:0 c:S:1500:0 c:S:1600:0 c:S:1700:0 c:S:1800:0
          c:S:1900:0 c:S:2000:0 c:S:2100:0
        = 11:3whs_syn_flood
        synack flood
          c:S:1000:0 s:SA:5000:1001 s:SA:5100:1001 s:SA:5200:1001 s:SA:5300:1001 s:SA:5400:1001 s:SA:5500:1001
          s:SA:5600:1001 s:SA:5700:1001 s:SA:5800:1001 s:SA:5900:1001 s:SA:6000:1001 s:SA:6100:1001
        = 7:3whs_synack_flood 8:3whs_synack_flood 9:3whs_synack_flood 10:3whs_synack_flood 11:3whs_synack_flood
        = 12:3whs_synack_flood
        synack same
          c:S:1000:0 s:SA:5000:1001 s:SA:5000:1001 s:SA:5000:1001 s:SA:5000:1001 s:SA:5000:1001 s:SA:5000:1001
          s:SA:5000:1001 s:SA:5000:1001 s:SA:5000:1001 s:SA:5000:1001 s:SA:5000:1001 s:SA:5000:1001
        syn in synrecv
          c:S:1000:0 s:SA:5000:1001 c:S:2000:0 c:S:2001:0 c:S:2002:0 c:S:2003:0 c:S:2004:0 c:S:2005:0 c:S:2006:0
        = 2:3whs_syn_resend_diff_seq_on_syn_recv 3:3whs_syn_resend_diff_seq_on_syn_recv
        = 4:3whs_syn_resend_diff_seq_on_syn_recv 5:3whs_syn_resend_diff_seq_on_syn_recv
        = 6:3whs_syn_resend_diff_seq_on_syn_recv 7:3whs_syn_resend_diff_seq_on_syn_recv
        = 8:3whs_syn_resend_diff_seq_on_syn_recv
        synack diff seq
          c:S:1000:0 s:SA:5000:1001 s:SA:6000:1001
        synack diff seq then ack
          c:S:1000:0 s:SA:5000:1001 s:SA:6000:1001 c:A:1001:6001
        synack diff ack
          c:S:1000:0 s:SA:5000:1001 s:SA:5000:1009
        = 2:3whs_synack_resend_with_diff_ack
        data in hs
          c:S:1000:0 s:SA:5000:1001 c:AP:1001:5001:18 s:A:5001:1019
        data before ack
          c:S:1000:0 c:AP:1001:5001:3
        ack data inject
          c:S:1000:0 s:SA:5000:1001 c:AP:1001:5009:3
        = 2:3whs_right_seq_wrong_ack_evasion
        ack data inject2
          c:S:1000:0 s:SA:5000:1001 c:AP:1001:5001:3 c:AP:1001:5001:3
        syn data
          c:S:1000:0:3 s:SA:5000:1001 c:A:1001:5001
        synack data
          c:S:1000:0 s:SA:5000:1001:2 c:A:1001:5001
        4whs
          c:S:1000:0 s:S:5000:0 c:SA:1000:5001 s:A:5001:1001
        4whs wrong ack
          c:S:1000:0 s:S:5000:0 c:SA:1000:5009
        = 2:4whs_synack_with_wrong_ack
        4whs wrong syn
          c:S:1000:0 s:S:5000:0 c:SA:1009:5001
        = 2:4whs_synack_with_wrong_syn
        4whs wrong seq
          c:S:1000:0 s:S:5000:0 c:SA:1000:5001 s:A:5009:1001
        = 3:4whs_wrong_seq
        4whs inv ack
          c:S:1000:0 s:S:5000:0 c:SA:1000:5001 s:A:5001:1009
        = 3:4whs_invalid_ack 3:pkt_invalid_ack
        fin nosession
          c:FA:1:1
        = 0:fin_but_no_session
        rst nosession
          c:R:1:0
        = 0:rst_but_no_session
        async data
          c:S:1000:0 c:A:1001:5001 c:AP:1001:5001:3
        async wrong
          c:S:1000:0 c:A:1009:5001
        overlap diff
          D c:AP:1011:5011:6 c:AP:1011:5011:6
        overlap same
          D c:AP:1011:5011:6 c:AP:1011:5011:6
        seg before base
          D c:AP:1001:5011:13
        urg
          D
        a
          H c:S:1000:0
        = 3:est_syn_resend_diff_seq
        b
          H c:AP:1001:5001:4 s:A:5001:1005 c:S:1000:0
        = 5:est_syn_resend_diff_seq
        b2
          H c:AP:1001:5001:4 c:S:1000:0
        = 4:est_syn_resend_diff_seq
        c
          H c:S:2000:0
        = 3:est_syn_resend_diff_seq
        sa same
          H s:SA:5000:1001
        sa same d
          D s:SA:5000:1001
        = 7:est_synack_resend_with_diff_ack
        sa other
          D s:SA:7000:1001
        = 7:est_synack_resend_with_diff_ack
        sa ack
          D s:SA:5000:1011
        = 7:est_synack_resend
        syn two sa1
          c:S:1000:0 c:S:2000:0 s:SA:5000:1001 c:A:1001:5001
        syn two sa2
          c:S:1000:0 c:S:2000:0 s:SA:5000:2001 c:A:2001:5001
        flood 11
          c:S:1000:0 c:S:1100:0 c:S:1200:0 c:S:1300:0 c:S:1400:0 c:S:1500:0 c:S:1600:0 c:S:1700:0 c:S:1800:0
          c:S:1900:0 c:S:2000:0
        flood 14
          c:S:1000:0 c:S:1100:0 c:S:1200:0 c:S:1300:0 c:S:1400:0 c:S:1500:0 c:S:1600:0 c:S:1700:0 c:S:1800:0
          c:S:1900:0 c:S:2000:0 c:S:2100:0 c:S:2200:0 c:S:2300:0
        = 11:3whs_syn_flood 12:3whs_syn_flood 13:3whs_syn_flood
        flood alternate
          c:S:1000:0 c:S:1100:0 c:S:1000:0 c:S:1100:0 c:S:1000:0 c:S:1100:0 c:S:1000:0 c:S:1100:0 c:S:1000:0
          c:S:1100:0 c:S:1000:0 c:S:1100:0 c:S:1000:0 c:S:1100:0 c:S:1000:0 c:S:1100:0 c:S:1000:0 c:S:1100:0
          c:S:1000:0 c:S:1100:0 c:S:1000:0 c:S:1100:0 c:S:1000:0 c:S:1100:0
        = 11:3whs_syn_flood 12:3whs_syn_flood 13:3whs_syn_flood 14:3whs_syn_flood 15:3whs_syn_flood 16:3whs_syn_flood
        = 17:3whs_syn_flood 18:3whs_syn_flood 19:3whs_syn_flood 20:3whs_syn_flood 21:3whs_syn_flood 22:3whs_syn_flood
        = 23:3whs_syn_flood
        flood back
          c:S:1000:0 c:S:1100:0 c:S:1200:0 c:S:1300:0 c:S:1400:0 c:S:1500:0 c:S:1600:0 c:S:1700:0 c:S:1800:0
          c:S:1900:0 c:S:2000:0 c:S:2100:0 c:S:2200:0 c:S:2300:0 c:S:1300:0 c:S:1000:0
        = 11:3whs_syn_flood 12:3whs_syn_flood 13:3whs_syn_flood 14:3whs_syn_flood 15:3whs_syn_flood
        flood sa
          c:S:1000:0 c:S:1100:0 c:S:1200:0 c:S:1300:0 c:S:1400:0 c:S:1500:0 c:S:1600:0 c:S:1700:0 c:S:1800:0
          c:S:1900:0 c:S:2000:0 c:S:2100:0 s:SA:5000:2101 c:A:2101:5001
        = 11:3whs_syn_flood
        flood sa first
          c:S:1000:0 c:S:1100:0 c:S:1200:0 c:S:1300:0 c:S:1400:0 s:SA:5000:1001 c:A:1001:5001
        sr syn
          c:S:1000:0 s:SA:5000:1001 c:S:2000:0 s:SA:6000:2001 c:A:2001:6001 c:AP:2001:6001:3 s:A:6001:2004
        = 2:3whs_syn_resend_diff_seq_on_syn_recv 3:3whs_synack_resend_with_diff_ack 4:3whs_wrong_seq_wrong_ack
        = 5:3whs_wrong_seq_wrong_ack
        tw syn full
          H s:FA:5001:1001 c:FA:1001:5002 c:S:70000:0 s:SA:9000:70001 c:A:70001:9001 c:AP:70001:9001:3
        = 5:shutdown_syn_resend 6:shutdown_syn_resend 7:timewait_ack_wrong_seq 8:timewait_ack_wrong_seq
        rst bad then
          H c:R:99:0 c:AP:1001:5001:3 s:A:5001:31004
        = 5:est_invalid_ack 5:pkt_invalid_ack
        rst good then
          H c:R:1001:0 s:A:5001:31004
        rst sr bad then
          c:S:1000:0 s:SA:5000:1001 c:R:1:0 c:A:1001:5009
        = 3:3whs_right_seq_wrong_ack_evasion
        rst ss
          c:S:1000:0 c:R:1000:0 s:SA:5000:1009
        = 2:3whs_synack_with_wrong_ack
        rst ss2
          c:S:1000:0 c:R:1001:0 s:SA:5000:1009
        = 2:3whs_synack_with_wrong_ack
        rst ss3
          c:S:1000:0 s:R:0:0 s:SA:5000:1009
        = 2:3whs_synack_with_wrong_ack
        rst ss4
          c:S:1000:0 s:R:99:0 s:SA:5000:1009
        = 2:3whs_synack_with_wrong_ack
        rst ss5
          c:S:1000:0 s:RA:99:1001 s:SA:5000:1009
        = 2:3whs_synack_with_wrong_ack
        wrong seq ack
          c:S:1000:0 s:SA:5000:1001 c:A:1050:5001 c:AP:1050:5001:2
        wrong both
          c:S:1000:0 s:SA:5000:1001 c:A:1050:5050
        = 2:3whs_wrong_seq_wrong_ack
        sa then server data
          c:S:1000:0 s:SA:5000:1001 s:AP:5001:1001:5 c:A:1001:5006
        sa then server ack
          c:S:1000:0 s:SA:5000:1001 s:A:5001:1005
        sa then server odd
          c:S:1000:0 s:SA:5000:1001 s:A:5011:1001
        = 2:3whs_wrong_seq_wrong_ack
        sa then server odd2
          c:S:1000:0 s:SA:5000:1001 s:A:900:1001
        = 2:3whs_wrong_seq_wrong_ack
        seq far
          c:S:1000:0 s:SA:5000:1001 c:A:10001:5001
        = 2:3whs_wrong_seq_wrong_ack
        fin syn est
          H c:FSA:1001:5001
        = 3:fin_syn
        fin syn first
          c:FS:1000:0
        = 0:fin_but_no_session
        fin est out
          H c:FA:10001:5001
        = 3:fin_out_of_window
        fin est gap
          H c:FA:1050:5001 s:A:5001:1001
        fin est old
          H c:AP:1001:5001:10 s:A:5001:1011 c:FA:1005:5001
        = 5:fin_out_of_window
        fin est data
          H c:FA:1001:5001:4 s:A:5001:1006
        fin est datawin
          H c:FA:1001:5001:1200:10 s:A:5001:1202
        zwp ack
          H c:A:1001:5001:0:0 s:A:5001:1001:1 c:A:1001:5002:0:0
        zwp ack2
          H c:A:1001:5001:0:0 s:A:5001:1001:1 c:A:1001:5001:0:0 s:A:5001:1001:1 c:A:1001:5002:0:100
        postrst
          H c:R:1001:0 c:A:1001:5001
        postrst2
          H s:RA:5001:1001 s:A:5001:1001
        postrst3
          H s:RA:5001:1001 s:AP:5001:1001:2 c:A:1001:5003
        an answer to the server while it is answered
          c:S:1000:0 s:SA:5000:1001 c:SA:7000:5001
        = 2:3whs_synack_toserver_on_syn_recv
        a SYN to the client while it is answered
          c:S:1000:0 s:SA:5000:1001 s:S:7000:0
        = 2:3whs_syn_toclient_on_syn_recv
        an answer to the server
          H c:SA:1001:5001
        = 3:est_synack_toserver
        data beyond the window
          H c:AP:9001:5001:300
        = 3:est_packet_out_of_window
        data at the edge of the window
          H c:AP:9001:5001:192
        a reset with data
          H c:R:1001:0:3
        = 3:rst_with_data
        another answer of the server
          H c:AP:1001:5001:4 s:A:5001:1005 s:SA:7000:1005
        = 5:est_synack_resend_with_diff_seq
        an answer from the client
          c:S:1000:0 c:SA:7000:5001
        = 1:3whs_synack_in_wrong_direction
        rst ss6
          c:S:1000:0 s:RA:0:1001 s:SA:5000:1009
        = 2:3whs_synack_with_wrong_ack
        rst ss8
          c:S:1000:0 c:R:1000:1001:0:0 s:SA:5000:1009
        = 1:pkt_broken_ack 2:3whs_synack_with_wrong_ack
        rst ss9
          c:S:1000:0 c:RA:1000:1001:0:0 s:SA:5000:1009
        = 1:pkt_invalid_ack 1:rst_invalid_ack 2:3whs_synack_with_wrong_ack
        old ack data
          D s:AP:5011:-68989:1
        = 7:est_invalid_ack 7:pkt_invalid_ack
        old ack data2
          D s:AP:5011:-7989:1
        = 7:est_invalid_ack 7:pkt_invalid_ack
        old ack data3
          D s:AP:5011:1000:1
        old ack seq
          D s:A:5001:-68989
        = 7:est_invalid_ack 7:pkt_invalid_ack
        old ack fut
          D s:A:5020:-68989
        = 7:est_invalid_ack 7:pkt_invalid_ack
        fin old ack
          D c:FA:1011:-3989
        = 7:fin_invalid_ack 7:pkt_invalid_ack
        fin old ack2
          D c:FA:1011:5001
        fin inv
          D c:FA:1011:50000
        = 7:fin_invalid_ack 7:pkt_invalid_ack
        fin out inv
          D c:FA:20000:50000
        = 7:fin_invalid_ack 7:pkt_invalid_ack
        fin wrong both
          D c:FA:1001:50000
        = 7:fin_invalid_ack 7:pkt_invalid_ack
        syn5
          c:S:1000:0 c:S:1000:0:0:99 s:SA:5000:1001
        syn6
          c:S:1000:0 c:S:3000:0 c:S:5000:0 s:SA:9000:3001
        syn7
          c:S:1000:0 c:S:3000:0 c:S:5000:0 s:SA:9000:3009
        = 3:3whs_synack_with_wrong_ack
        syn8
          c:S:1000:0 c:S:3000:0 s:SA:9000:3001 s:SA:9000:1001 c:A:3001:9001 c:AP:3001:9001:3 s:A:9001:3004
        = 3:3whs_synack_resend_with_diff_ack
        syn9
          c:S:1000:0 c:S:3000:0 s:SA:9000:1001 c:A:3001:9001
        """
}
