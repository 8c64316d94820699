// The values that every SDK is given: each kind of JSON value, names that need work, other scripts.
export const traits = {
  email: 'ana@podium.example',
  firstName: 'Ana',
  age: 31,
  score: 4.25,
  trial: true,
  address: { city: 'São Paulo', postalCode: '01310-100' },
  sports: ['rugby', 'climbing'],
  createdAt: '2026-01-02T03:04:05.678Z',
};

export const properties = {
  sport: 'rugby',
  eventId: 1042,
  position: 12.5,
  live: false,
  title: 'Finale “été” 🏉',
  quality: { bitrateKbps: 4500, codec: 'h264' },
  cameras: [1, 2, { angle: 'wide' }],
  startedAt: '2026-05-01T18:30:00Z',
  big: 9007199254740991,
  empty: '',
  nothing: null,
};

export const company = { name: 'Podium Clubs', employees: 12, plan: 'year' };
