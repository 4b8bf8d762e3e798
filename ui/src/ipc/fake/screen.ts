/** What the agent's terminal shows in the mockups, with the colours a program would send. */
const G = '\x1b[32m●\x1b[0m';
const Y = '\x1b[33m●\x1b[0m';
const bold = (text: string): string => `\x1b[1m${text}\x1b[0m`;
const dim = (text: string): string => `\x1b[90m${text}\x1b[0m`;

export const AGENT_SCREEN = [
  dim('> Add an order page, and make the opening hours right on public holidays.'),
  '',
  `${G} ${bold('Read')}(js/hours.js)`,
  `  ${dim('└  Read 35 lines')}`,
  '',
  `${G} ${bold('Read')}(data/opening-hours.json)`,
  `  ${dim('└  Read 11 lines')}`,
  '',
  "● The sign knows only weekdays. I'll add the holidays to the data file and",
  '  read them in one place.',
  '',
  `${G} ${bold('Update')}(js/hours.js)`,
  `  ${dim('└  Updated js/hours.js with 11 additions and 3 removals')}`,
  `     ${dim('17')} \x1b[31m-  const today = hours[DAYS[now.getDay()]];\x1b[0m`,
  `     ${dim('24')} \x1b[32m+  const today = dayOf(hours, now);\x1b[0m`,
  `     ${dim('25')}    if (!today) return false;`,
  '',
  `${G} ${bold('Write')}(order.html)`,
  `  ${dim('└  Wrote 87 lines')}`,
  '',
  `${Y} ${bold('Bash')}(curl -s https://holidays.example/AT/2027)`,
  `  ${dim('└  Waiting for holidays.example')}`,
  '',
  `\x1b[34m✻ Checking the pages…\x1b[0m ${dim('(1m 12s · esc to interrupt)')}`,
  '',
  '> ',
].join('\r\n');
