import './styles/tokens.css';
import './styles/series.css';
import './styles/base.css';
import { mount } from 'svelte';
import { link } from './api/client';
import Embed from './features/dashboard/Embed.svelte';

// What stands behind # is sent to no server and stands in no log and no Referer.
link.pass = location.hash.slice(1);
const theme = new URLSearchParams(location.search).get('theme');
if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme;
// The page around us gave the frame another token, perhaps a fresh one.
addEventListener('hashchange', () => location.reload());
mount(Embed, { target: document.body });
