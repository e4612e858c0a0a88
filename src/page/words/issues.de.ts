// Issues in German, by their stable codes: `issue.` the title, `issueText.` what is the matter, `issueRemedy.` what to do. The agent says them in
// English, so English needs none of these.
export const issuesDe = {
  'issue.uplink-refused': 'Ein Uplink hat Messwerte endgültig abgelehnt',
  'issue.uplink-at-least-once': 'Ein Uplink liefert mindestens einmal',
  'issue.budget-spent': 'Das Budget eines Wegs ist verbraucht',
  'issue.link-down': 'Ein Uplink hat keinen Weg',
  'issue.disk-full': 'Die Platte des Logs ist voll',
  'issue.log-read': 'Ein fremdes Programm hält das Log auf',
  'issue.class-waits': 'Quellen einer Klasse warten',
  'issue.box-refused': 'Ein anderes Gerät wartet auf dieses',
  'issue.box-rolled-back': 'Das Log wurde zurückgesetzt',
  'issue.boxes-not-open': 'Andere Geräte werden ausgesperrt',
  'issue.boxes-not-heard': 'Andere Geräte kommen nicht herein',
  'issue.parked': 'Das Ziel hat Messwerte endgültig abgelehnt',
  'issue.log-damaged': 'Im Log fehlen Messwerte',
  'issue.settings-pending': 'Eine Änderung der Einstellungen wartet auf Bestätigung',
  'issue.rules-failed': 'Die Regeln laufen nicht, wie sie sollen',
  'issue.rules-missed': 'Den Regeln fehlen Messwerte',
  'issue.rule-error': 'Eine Regel hat kein Ergebnis',
  'issue.rule-window-full': 'Ein Fenster einer Regel ist voll',

  'issueText.source-down': 'Quelle {name}: {detail}',
  'issueText.source-insecure': 'Quelle {name} ist nicht geschützt: {detail}',
  'issueText.uplink-insecure': 'Uplink {name} ist nicht geschützt: {detail}',
  'issueText.uplink-at-least-once': 'Uplink {name}: Nach einer unterbrochenen Verbindung sind manche Messwerte doppelt.',
  'issueText.uplink-refused': 'Uplink {name}: {count} Messwerte von {classes} wurden dort endgültig abgelehnt, zuletzt: {reason}',
  'issueText.uplink-blocked': 'Uplink {name}: {classes} muss warten: {detail}',
  'issueText.uplink-fenced': 'Uplink {name}: Ein anderes Gerät benutzt unsere Kennung.',
  'issueText.uplink-waiting': 'Uplink {name} wartet: {detail}',
  'issueText.log-full': 'Das Log ist zu {share} % voll.',
  'issueText.disk-full': 'Nichts wird mehr bestätigt, bis wieder Platz ist.',
  'issueText.log-read': 'Jemand liest journal.db und hört nicht auf: Nichts wird mehr bestätigt.',
  'issueText.class-waits': 'Klasse {name} hat allen Platz, den sie haben darf, und gibt nichts auf: Ihre Quellen warten.',
  'issueText.box-refused': 'Was Gerät {name} sendet, wird nicht angenommen: {detail}',
  'issueText.box-rolled-back':
    'Dieses Log ist eine ältere Kopie: {count} bestätigte Messwerte von Gerät {name} sind fort; das Verzeichnis der Verluste nennt sie.',
  'issueText.boxes-not-open': 'Andere Geräte erreichen {name} nicht: Die Firewall dieses Geräts lässt dort niemanden herein.',
  'issueText.boxes-not-heard': 'Unter {name} kommt kein anderes Gerät herein: {detail}',
  'issueText.parked': '{count} Messwerte liegen hier, die das Ziel endgültig abgelehnt hat.',
  'issueText.log-damaged': 'Klasse {name}: {count} Messwerte fehlen im Log.',
  'issueText.settings-pending': 'Die Einstellungen von {name} gehen in {seconds} s zurück.',
  'issueText.rules-failed': 'Die Regeln laufen nicht, wie sie sollen: {detail}',
  'issueText.rules-missed': '{count} Messwerte gingen, bevor die Regeln sie gelesen hatten: Sie fehlen in Fenstern.',
  'issueText.rule-error': 'Regel {name}: Der Ausdruck hatte {count}-mal kein Ergebnis, zuletzt: {detail}',
  'issueText.rule-window-full': 'Regel {name}: {count} Messwerte oder Ereignisse fanden keinen Platz.',

  'issueRemedy.source-insecure': 'Verschlüsselung und Anmeldung einschalten und „insecure“ entfernen.',
  'issueRemedy.uplink-insecure': 'Verschlüsselung und Anmeldung einschalten und „insecure“ entfernen.',
  'issueRemedy.uplink-at-least-once': '„guarantee: at-least-once“ entfernen, sobald der Cluster Transaktionen kann.',
  'issueRemedy.uplink-refused': 'Den Uplink prüfen („Test“): Rechte und die größte Nachricht des Brokers.',
  'issueRemedy.uplink-fenced': 'Das Gerät mit derselben Kennung finden; eines der beiden braucht eine andere.',
  'issueRemedy.log-full':
    'Den Uplink wiederherstellen oder log.bytesMax erhöhen; das Älteste der niedrigsten Klasse geht zuerst.',
  'issueRemedy.disk-full':
    'Löschen, was andere Programme dort liegen ließen, oder log.bytesMax senken; dann geht es von selbst weiter.',
  'issueRemedy.log-read': 'Das Programm beenden, das die Datei offen hat. „holdfast query“ hält nichts auf.',
  'issueRemedy.class-waits':
    'Den Uplink wiederherstellen, der sie nimmt, oder log.bytesMax erhöhen; es geht von selbst weiter, sobald etwas zugestellt ist.',
  'issueRemedy.box-refused':
    'Den Uplink dieses Geräts wiederherstellen oder log.bytesMax erhöhen; auch den Status des anderen ansehen.',
  'issueRemedy.box-rolled-back': 'Nichts bringt sie zurück. Die Kopie einer Platte ist keine Sicherung eines laufenden Geräts.',
  'issueRemedy.boxes-not-open':
    'Den Port beim Eintrag des Anschlusses unter network.ports öffnen (open) und das in Kraft setzen.',
  'issueRemedy.boxes-not-heard': 'boxes.listen (eine Adresse dieses Geräts, ein freier Port) und boxes.tls prüfen.',
  'issueRemedy.parked': 'Sie bleiben im Log und lassen sich abfragen; noch einmal senden kann das Gerät sie noch nicht.',
  'issueRemedy.log-damaged': 'Vielleicht geht die Platte kaputt; senden Sie uns das Diagnosepaket.',
  'issueRemedy.rules-failed':
    'Sie werden von selbst neu gestartet. Bleibt es so: die neueste Regel herausnehmen und uns das Diagnosepaket senden.',
  'issueRemedy.rules-missed':
    'Das Log war voll, oder es sind zu viele Regeln für dieses Gerät: dem Log mehr Platz geben, oder den Regeln kürzere Fenster und weniger Tags.',
  'issueRemedy.rule-error':
    'Nachsehen, von welchem Typ die Werte ihrer Tags sind, und den Ausdruck ändern oder die Tags, die sie liest.',
  'issueRemedy.rule-window-full': 'Der Regel ein kürzeres Fenster oder weniger Tags geben, oder die Tags seltener melden lassen.',
  'issueRemedy.settings-pending': 'Oben behalten oder zurücknehmen.',
}
