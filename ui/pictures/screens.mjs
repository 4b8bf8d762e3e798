// Every screen that is pictured: its address, and what is done there first.
export const screens = [
  { name: '01-first-start', query: 'state=first-start' },
  { name: '02-empty', query: 'state=empty' },
  { name: '03-hand-over', query: 'state=empty&overlay=hand-over' },
  { name: '04-work', query: 'screen=work', settle: 900 },
  { name: '05-review', query: 'screen=review', settle: 900 },
  { name: '06-conflict', query: 'screen=conflict&path=data/opening-hours.json', settle: 900 },
  { name: '07-snapshots', query: 'screen=snapshots' },
  { name: '08-activity', query: 'screen=activity' },
  { name: '09-settings', query: 'screen=settings' },
  { name: '10-palette', query: 'screen=work&overlay=palette', settle: 900 },
  { name: '11-error', query: 'screen=work&state=engine-stopped', settle: 900 },
];
